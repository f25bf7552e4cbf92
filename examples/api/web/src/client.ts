/** The client: its types are those of the API's OpenAPI document. */

import createClient from "openapi-fetch";

import type { components, paths } from "../generated/api.js";

type Schemas = components["schemas"];
export type User = Schemas["User"];
export type Problem = Schemas["Problem"];

/** The problem that lists what is wrong with an input. */
export type InvalidInput =
  paths["/api/users"]["post"]["responses"][422]["content"]["application/problem+json"];

/** What all routes answer. */
export interface Answer {
  /** An error without a body is possible: a proxy may write one. */
  error?: Problem | InvalidInput | undefined;
  response: Response;
}

/** The cookies and `Sec-Fetch-Site` are added by the browser, because the origin is the page's own. */
export const api = createClient<paths>();

/** What the user should read about an error. */
export function explanation({ error, response }: Answer): string {
  const text = error?.detail ?? error?.title ?? `The server answered ${response.status}.`;
  const seconds = Number(response.headers.get("retry-after"));
  return seconds > 0 ? `${text} Try again in ${seconds} s.` : text;
}

/** The errors of an input, each with the name of the member that is wrong, if it is one. */
export function inputErrors(error: Answer["error"]): { member?: string; detail: string }[] {
  if (error?.status !== 422 || !("errors" in error)) return [];
  return (error.errors ?? []).map(({ pointer, detail }) => {
    // `#/name`: a JSON pointer in a URI fragment. The bodies here have no members inside members.
    const member = pointer?.match(/^#\/(.+)$/)?.[1];
    return member === undefined ? { detail } : { member: decodeURIComponent(member), detail };
  });
}
