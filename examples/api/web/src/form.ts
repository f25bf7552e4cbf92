/** A form for a JSON body: its fields are the members of the body's type. */

import type { Broken, Format, Keyword, Rules } from "../generated/rules.js";
import { type Answer, explanation, inputErrors } from "./client.js";

/** How the user enters a member. */
interface Field {
  label: string;
  type: "number" | TextType;
  autocomplete?: AutoFill;
}

type TextType = "email" | "password" | "text";

/** Every member has a field, the optional ones too: a new one does not compile without it. */
export type Fields<Body> = {
  [Name in keyof Required<Body>]: Field & {
    type: NonNullable<Body[Name]> extends number ? "number" : TextType;
  };
};

/** What each rule says. A keyword that the document begins to use does not compile without it. */
const MESSAGES: Record<Keyword, (limit: number) => string> = {
  enum: () => "Not one of the values.",
  maxLength: (limit) => `At most ${limit} characters.`,
  maximum: (limit) => `At most ${limit}.`,
  minLength: (limit) => `At least ${limit} characters.`,
  minimum: (limit) => `At least ${limit}.`,
  oneOf: () => "None of the variants.",
  pattern: () => "Contains a character that is not allowed.",
  required: () => "Required.",
  type: () => "Not a whole number.",
};

const FORMATS: Record<Format, string> = {
  email: "Not an email address.",
};

/**
 * Fills the form with this id, and sends what the user enters, unless it breaks a rule. An error of a
 * field is shown beside it, any other below the form.
 */
export function form<Body extends object>(
  id: string,
  fields: Fields<Body>,
  rules: Rules<Body>,
  submit: string,
  send: (body: Body) => Promise<Answer>,
): void {
  const form = element(id, HTMLFormElement);
  const inputs = new Map<string, HTMLInputElement>();
  const errors = new Map<string, HTMLElement>();
  for (const [name, field] of Object.entries<Field>(fields)) {
    const input = create("input", { name, type: field.type, id: `${id}-${name}` });
    // A number is a text here: browsers hide what the user has entered if it is not a number.
    if (field.type === "number") Object.assign(input, { type: "text", inputMode: "numeric" });
    if (field.autocomplete) input.autocomplete = field.autocomplete;
    const error = create("p", { className: "error", id: `${input.id}-error` });
    input.setAttribute("aria-describedby", error.id);
    const label = create("label", { htmlFor: input.id, textContent: field.label });
    form.append(label, input, error);
    inputs.set(name, input);
    errors.set(name, error);
  }
  const other = create("p", { className: "error", id: `${id}-error` });
  const button = create("button", { textContent: submit });
  form.append(button, other);

  const show = (member: string | undefined, text: string) => {
    const place = errors.get(member ?? "") ?? other;
    place.textContent = `${place.textContent} ${text}`.trim();
    inputs.get(member ?? "")?.setAttribute("aria-invalid", "true");
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    for (const place of [...errors.values(), other]) place.textContent = "";
    for (const input of inputs.values()) input.removeAttribute("aria-invalid");

    const body: unknown = Object.fromEntries(entered(inputs, fields));
    if (!rules(body)) {
      for (const broken of rules.errors ?? []) show(memberOf(broken), messageOf(broken));
      return;
    }
    button.disabled = true;
    const answer = await send(body).finally(() => {
      button.disabled = false;
    });
    if (answer.response.ok) return form.reset();
    const listed = inputErrors(answer.error);
    for (const { member, detail } of listed) show(member, detail);
    if (listed.length === 0) show(undefined, explanation(answer));
  });
}

/** The members of the body. An empty field of a number is left out. */
function* entered<Body>(
  inputs: Map<string, HTMLInputElement>,
  fields: Fields<Body>,
): Generator<[string, string | number]> {
  for (const [name, { type }] of Object.entries<Field>(fields)) {
    const text = inputs.get(name)?.value ?? "";
    if (type !== "number") yield [name, text];
    else if (text.trim() !== "") yield [name, Number(text)];
  }
}

function memberOf(broken: Broken): string {
  return broken.keyword === "required"
    ? broken.params.missingProperty
    : broken.instancePath.slice(1);
}

function messageOf(broken: Broken): string {
  return broken.keyword === "format"
    ? FORMATS[broken.params.format]
    : MESSAGES[broken.keyword](broken.params.limit);
}

/** The element of the page with this id. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

/** A new element with these properties. */
export function create<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]>,
): HTMLElementTagNameMap[Tag] {
  return Object.assign(document.createElement(tag), properties);
}
