// Shows that `npm run check` fails when the API changes in a way that the page does not follow, and
// that a changed limit needs no change of the page.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { build } from "esbuild";

import { generate, stored } from "./generate.js";

// Inside this folder, so that the packages are found.
const copies = new URL("copies/", import.meta.url);

/** Changes of the document, and what the error says. */
const changes = {
  "a renamed member of a body": [
    ({ NewUser }) => {
      NewUser.properties.full_name = NewUser.properties.name;
      delete NewUser.properties.name;
      NewUser.required = ["full_name", "email"];
    },
    /main\.ts.*'name'/s,
  ],
  "a new member of a body": [
    ({ NewUser }) => (NewUser.properties.phone = { type: "string" }),
    /main\.ts.*'phone' is missing/s,
  ],
  "another type of a member": [
    ({ NewUser }) => (NewUser.properties.age = { type: "string" }),
    /main\.ts.*'"number"'/s,
  ],
  "a member that a response no longer has": [
    ({ User }) => delete User.properties.email,
    /main\.ts.*'email'/s,
  ],
  "a removed route": [
    (_, paths) => delete paths["/api/auth/logout"],
    new RegExp(`main\\.ts\\(${await lineOf("src/main.ts", '"/api/auth/logout"')},`),
  ],
  "another name of a parameter": [
    (_, paths) => (paths["/api/users"].get.parameters[0].name = "number"),
    /main\.ts.*'page' does not exist/s,
  ],
  "a new kind of rule": [
    ({ NewUser }) => (NewUser.properties.age.multipleOf = 2),
    /form\.ts.*'multipleOf' is missing/s,
  ],
};

/** What the type check prints: all copies are one program, so that its libraries are read once. */
let errors = "";

before(async () => {
  for (const [name, [change]] of Object.entries({ unchanged: [() => {}], ...changes })) {
    const folder = await copy(name, change);
    await cp(new URL("src", import.meta.url), new URL("src", folder), { recursive: true });
  }
  const config = JSON.parse(await readFile(new URL("tsconfig.json", import.meta.url), "utf8"));
  const include = config.include.map((folder) => `*/${folder}`);
  await writeFile(new URL("tsconfig.json", copies), JSON.stringify({ ...config, include }));
  const tsc = new URL("node_modules/.bin/tsc", import.meta.url).pathname;
  errors = spawnSync(tsc, ["--pretty", "false"], { cwd: copies.pathname }).stdout.toString();
});

after(() => rm(copies, { recursive: true, force: true }));

/** Makes what the page needs of a changed document; returns the folder. */
async function copy(name, change) {
  const folder = new URL(`${folderOf(name)}/`, copies);
  const document = await stored();
  change(document.components.schemas, document.paths);
  await generate(document, new URL("generated/", folder));
  return folder;
}

/** The number of the line of a file that has this text. */
async function lineOf(file, text) {
  const lines = (await readFile(new URL(file, import.meta.url), "utf8")).split("\n");
  const index = lines.findIndex((line) => line.includes(text));
  assert.notEqual(index, -1, `${file} has ${text}`);
  return index + 1;
}

function folderOf(name) {
  return name.replaceAll(" ", "_");
}

/** The errors in a copy, with the lines that explain them. */
function errorsIn(name) {
  const found = errors.split(/\n(?! )/);
  return found.filter((error) => error.startsWith(`${folderOf(name)}/`)).join("\n");
}

test("the page follows the document as it is", () => assert.equal(errorsIn("unchanged"), ""));

for (const [name, [, expected]] of Object.entries(changes)) {
  test(`the type check fails for ${name}`, () => assert.match(errorsIn(name), expected));
}

test("no rules are made for an unknown format", async () => {
  const change = ({ NewUser }) => (NewUser.properties.name.format = "hostname");
  await assert.rejects(copy("an unknown format", change), /unknown format "hostname"/);
});

test("a changed limit needs no change of the page", async () => {
  const allows = async (name, change) => {
    const generated = new URL("generated/rules.js", await copy(name, change)).pathname;
    const outfile = generated.replace("rules.js", "bundle.js");
    await build({ entryPoints: [generated], bundle: true, format: "esm", outfile });
    const { NewUser } = await import(outfile);
    return NewUser({ name: "Grace", email: "grace@example.com" });
  };
  assert.equal(await allows("the same limit", () => {}), true);
  const shorter = ({ NewUser }) => (NewUser.properties.name.maxLength = 4);
  assert.equal(await allows("a shorter limit", shorter), false);
});
