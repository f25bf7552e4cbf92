// Makes two things from the OpenAPI document, in `generated/`:
//
// - `api.d.ts`: the types of the routes, for openapi-fetch
// - `rules.js` and `rules.d.ts`: a function for each schema of a JSON body that a route takes. It tells
//   whether a value keeps the rules. Nothing is compiled in the browser, so a content security
//   policy can forbid `eval`.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { Ajv2020 } from "ajv/dist/2020.js";
import standaloneCode from "ajv/dist/standalone/index.js";
import openapiTS, { astToString } from "openapi-typescript";

/**
 * The formats that the page knows. `true` is a format without a rule: the schema has the range of an
 * integer beside it. Ajv fails for a format that is not listed.
 */
const FORMATS = {
  // As browsers check `<input type="email">`, and as the server does, except for the lengths.
  email:
    /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/,
  int32: true,
  int64: true,
  password: true,
  uint8: true,
  uint32: true,
  uint64: true,
};

/** Keywords that no value can break by themselves. */
const NO_RULES = new Set(["$ref", "default", "deprecated", "description", "examples", "format", "title"]);

/** Makes the files in this folder. */
export async function generate(document, folder) {
  const { schemas } = document.components;
  const bodies = bodySchemas(document.paths);
  const types = astToString(await openapiTS(document));
  await mkdir(folder, { recursive: true });
  await writeFile(new URL("api.d.ts", folder), types);
  await writeFile(new URL("rules.js", folder), checks(bodies, schemas));
  await writeFile(new URL("rules.d.ts", folder), declarations(bodies, rulesOf(bodies, schemas)));
}

/** The document that a test of the API holds equal to what the API serves. */
export async function stored() {
  return JSON.parse(await readFile(new URL("../openapi.json", import.meta.url), "utf8"));
}

/** The names of the schemas of JSON bodies that routes take. */
function bodySchemas(paths) {
  const operations = Object.values(paths).flatMap((path) => Object.values(path));
  const names = operations
    .map((operation) => operation.requestBody?.content["application/json"]?.schema.$ref)
    .filter((reference) => reference !== undefined)
    .map(nameOf);
  return [...new Set(names)].sort();
}

/** The keywords and the formats that a value can break. */
function rulesOf(bodies, schemas) {
  const [keywords, formats, seen] = [new Set(), new Set(), new Set()];
  const visit = (schema) => {
    if (typeof schema !== "object" || seen.has(schema)) return;
    seen.add(schema);
    for (const [keyword, value] of Object.entries(schema)) {
      switch (keyword) {
        case "properties":
          Object.values(value).forEach(visit);
          break;
        case "items":
          visit(value);
          break;
        case "format":
          if (FORMATS[value] !== true) formats.add(value);
          break;
        case "$ref":
          visit(schemas[nameOf(value)]);
          break;
        default:
          if (!NO_RULES.has(keyword) && !keyword.startsWith("x-")) keywords.add(keyword);
      }
    }
  };
  bodies.forEach((name) => visit(schemas[name]));
  return { keywords: [...keywords].sort(), formats: [...formats].sort() };
}

/** A module with a function for each of these schemas. */
function checks(bodies, schemas) {
  const ajv = new Ajv2020({
    allErrors: true,
    allowUnionTypes: true,
    code: { source: true, esm: true },
    formats: FORMATS,
    // Where the references lead.
    keywords: ["components"],
  });
  ajv.addSchema({ $id: "api", components: { schemas } });
  return standaloneCode(
    ajv,
    Object.fromEntries(bodies.map((name) => [name, `api#/components/schemas/${name}`])),
  );
}

/** The types of that module. */
function declarations(bodies, { keywords, formats }) {
  const union = (names) => names.map((name) => JSON.stringify(name)).join(" | ") || "never";
  return `import type { components } from "./api.js";

/** The keywords of JSON Schema that a body can break. */
export type Keyword = ${union(keywords)};

/** The formats that a text can break. */
export type Format = ${union(formats)};

/** A broken rule. */
export type Broken = { instancePath: string } & (
  | { keyword: Keyword; params: { limit: number; missingProperty: string } }
  | { keyword: "format"; params: { format: Format } }
);

/** Tells whether a value keeps the rules of a schema, and sets \`errors\` if it does not. */
export interface Rules<T> {
  (value: unknown): value is T;
  errors?: Broken[] | null;
}

${bodies.map((name) => `export const ${name}: Rules<components["schemas"]["${name}"]>;`).join("\n")}
`;
}

function nameOf(reference) {
  return reference.slice("#/components/schemas/".length);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await generate(await stored(), new URL("generated/", import.meta.url));
}
