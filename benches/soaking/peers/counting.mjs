// What the scripts for npm's clients share: the nodes of the command line, and a
// session is printed once a quorum of them has finalized it.
const [quorum, ...urls] = process.argv.slice(2);
const shown = urls.map(() => 0);
let told = null;

export const SESSION = '0xcec5070d609dd3497f72bde07fc96ba072763800a36a99fdfc7c10f6415f6ee6';
export const nodes = urls.map((url, place) => ({ url, place }));

export function shows(place, value) {
  const session = value ? Buffer.from(value.slice(2), 'hex').readUInt32LE() : 0;
  shown[place] = session;
  const next = told === null ? session : told + 1;
  if (next > 0 && shown.filter((one) => one >= next).length >= Number(quorum)) {
    told = next;
    console.log(String(next));
  }
}
