// The tables of fields/: what becomes of each field of each dialect.
//
// A table has a title, the path of the request, a base request, where in the answer its text is,
// and fields. A field has a name (dots go into objects), what is done with it, a line for people:
//   honoured  `example` is taken and not listed as ignored, each of `bad` is a 400 that names the
//             field; its effect is shown by `changes` (the answer is another one) or by a `test`,
//             named by its file and the beginning of its name
//   ignored   the answer is the same, and the header x-ignored-fields has the name
//   rejected  each of `bad` is a 400 that names the field; `example`, if any, is taken
// `with` is what else must be in the request.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const HERE = path.dirname(fileURLToPath(import.meta.url));

export function readTables() {
  const folder = path.join(HERE, "fields");
  return readdirSync(folder).sort().map((name) => ({
    id: path.basename(name, ".json"),
    ...JSON.parse(readFileSync(path.join(folder, name), "utf8")),
  }));
}

// The value at a path of names with dots; undefined where there is none.
export function at(value, names) {
  return names.split(".").reduce((inner, name) => inner?.[name], value);
}

// A copy of the request in which this field has this value.
export function put(request, names, value) {
  const [first, ...rest] = names.split(".");
  const inner = rest.length ? put(request[first] ?? {}, rest.join("."), value) : value;
  return { ...request, [first]: inner };
}
