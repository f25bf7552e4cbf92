/** The page: signs in, lists the users, and creates some. */

import type { components, paths } from "../generated/api.js";
import { Login, NewAccount, NewUser } from "../generated/rules.js";
import { type Answer, type User, api, explanation } from "./client.js";
import { create, element, form } from "./form.js";

type Schemas = components["schemas"];
/** openapi-fetch itself does not reject a parameter that the route does not have. */
type Page = NonNullable<paths["/api/users"]["get"]["parameters"]["query"]>;

/** All members of a user are shown: a new one does not compile without a heading. */
const COLUMNS: Record<keyof User, string> = {
  id: "Id",
  name: "Name",
  email: "Email",
  age: "Age",
};

const PER_PAGE = 5;

let page = 1;

form<Schemas["Login"]>(
  "sign-in",
  {
    email: { label: "Email", type: "email", autocomplete: "username" },
    password: { label: "Password", type: "password", autocomplete: "current-password" },
  },
  Login,
  "Sign in",
  signIn,
);

form<Schemas["NewAccount"]>(
  "register",
  {
    email: { label: "Email", type: "email", autocomplete: "username" },
    password: { label: "Password", type: "password", autocomplete: "new-password" },
  },
  NewAccount,
  "Register",
  async (body) => {
    const registered = await api.POST("/api/register", { body });
    return registered.response.ok ? signIn(body) : registered;
  },
);

form<Schemas["NewUser"]>(
  "new-user",
  {
    name: { label: "Name", type: "text" },
    email: { label: "Email", type: "email" },
    age: { label: "Age (optional)", type: "number" },
  },
  NewUser,
  "Create",
  async (body) => {
    const created = await api.POST("/api/users", { body });
    if (created.response.status === 401) signedOut(created);
    if (created.response.ok) await list();
    return created;
  },
);

element("sign-out", HTMLButtonElement).addEventListener("click", async () => {
  const ended = await api.POST("/api/auth/logout");
  if (ended.response.ok) signedOut();
  else say(ended);
});

element("previous", HTMLButtonElement).addEventListener("click", () => turn(-1));
element("next", HTMLButtonElement).addEventListener("click", () => turn(1));
element("columns", HTMLElement).append(row("th", COLUMNS));

start();

/** Finds out whether the browser has the cookies of a login. */
async function start(): Promise<void> {
  const { data, ...answer } = await api.GET("/api/protected");
  if (data) await signedIn(data.user);
  else if (answer.response.status === 401) signedOut();
  else say(answer);
}

async function signIn(body: Schemas["Login"]): Promise<Answer> {
  const { data, ...answer } = await api.POST("/api/auth/login", { body });
  if (data) await signedIn(data.user);
  return answer;
}

async function signedIn(user: Schemas["Profile"]): Promise<void> {
  say();
  element("who", HTMLElement).textContent = user.email;
  element("signed-out", HTMLElement).hidden = true;
  element("signed-in", HTMLElement).hidden = false;
  page = 1;
  await list();
}

/** Shows the forms to sign in, and why, if the login has ended unexpectedly. */
function signedOut(why?: Answer): void {
  say(why);
  element("users", HTMLElement).replaceChildren();
  element("signed-in", HTMLElement).hidden = true;
  element("signed-out", HTMLElement).hidden = false;
}

function turn(by: number): Promise<void> {
  page += by;
  return list();
}

/** Shows the current page of the users. */
async function list(): Promise<void> {
  const query: Page = { page, per_page: PER_PAGE };
  const { data, ...answer } = await api.GET("/api/users", { params: { query } });
  if (answer.response.status === 401) return signedOut(answer);
  if (!data) return say(answer);
  say();
  element("users", HTMLElement).replaceChildren(...data.users.map((user) => row("td", user)));
  const pages = Math.max(1, Math.ceil(data.total / data.per_page));
  element("page", HTMLElement).textContent = `Page ${data.page} of ${pages}`;
  element("previous", HTMLButtonElement).disabled = data.page <= 1;
  element("next", HTMLButtonElement).disabled = data.page >= pages;
}

function row(tag: "td" | "th", cells: Record<keyof User, string | number | null>): HTMLElement {
  const row = create("tr", {});
  for (const member of Object.keys(COLUMNS) as (keyof User)[]) {
    row.append(create(tag, { textContent: String(cells[member] ?? "") }));
  }
  return row;
}

/** Shows what has failed, or nothing. */
function say(answer?: Answer): void {
  element("message", HTMLElement).textContent = answer ? explanation(answer) : "";
}
