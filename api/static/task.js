// Forms of tasks: drawn by form-js from forms/, sent as JSON. Nothing typed is lost on an error, an expired log-in,
// or a reload: it is kept in this tab, for whom it was typed by, until the task is completed or they log out.

drawAll();
document.addEventListener("swapped", drawAll); // a task came, or was taken elsewhere

function drawAll() {
  for (const holder of document.querySelectorAll("[data-form]:not([data-begun])")) draw(holder);
}

async function draw(holder) {
  holder.dataset.begun = "yes";
  const { schema, data, writable } = JSON.parse(holder.dataset.form);
  const { Form } = await import(holder.dataset.library);
  const draft = `task-${holder.dataset.key}-${holder.dataset.owner}`;
  const problem = holder.querySelector(".problem");
  const button = holder.querySelector(".send");
  const sent = holder.querySelector(".sent");
  const form = new Form({ container: holder.querySelector(".drawing") });
  await form.importSchema(schema, writable ? { ...data, ...kept() } : data);
  if (!writable) form.setProperty("readOnly", true);
  holder.dataset.drawn = "yes";
  if (!writable) return;

  form.on("changed", () => {
    if (document.body.dataset.leaving) return;
    sessionStorage.setItem(draft, JSON.stringify(answers(form._getState().data)));
  });
  form.on("submit", ({ data: filled, errors }) => {
    if (Object.keys(errors).length) focusFirst();
    else send(answers(filled));
  });
  button.addEventListener("click", () => form.submit());

  function kept() {
    try {
      return JSON.parse(sessionStorage.getItem(draft)) ?? {};
    } catch {
      return {};
    }
  }

  /** What can be filled in. A text that was emptied is an empty text: left out it would stay as it was. */
  function answers(filled) {
    const found = {};
    for (const field of fields(schema.components)) {
      const value = filled[field.key] ?? (field.type.startsWith("text") ? "" : null);
      if (value !== null) found[field.key] = value;
    }
    return found;
  }

  async function send(variables) {
    button.disabled = true;
    sent.textContent = "Sending…";
    problem.hidden = true;
    try {
      const answer = await post(variables, holder.dataset.csrf);
      if (answer.ok) {
        sessionStorage.removeItem(draft);
        sent.textContent = "Done.";
        location.assign(holder.dataset.done);
        return;
      }
      explain(await answer.json());
    } catch {
      tell(["The server cannot be reached. What you filled in is kept; try again in a moment."]);
    }
    sent.textContent = "";
    button.disabled = false;
  }

  function post(variables, token) {
    return fetch(`/ui/tasks/${holder.dataset.key}/complete`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRF-Token": token },
      body: JSON.stringify({ variables }),
    });
  }

  function explain({ status, detail, errors = [] }) {
    if (status === 401) return expired();
    if (status === 409) return tell([detail, "What you filled in was not used."], link(holder.dataset.done, "See what became of it"));
    const byKey = new Map(fields(schema.components).map((field) => [field.key, field]));
    const shown = {};
    const rest = [];
    for (const { pointer = "", message } of errors) {
      const field = byKey.get(pointer.split("/").pop());
      if (field) (shown[field.id] ??= []).push(`${field.label} ${message}.`);
      rest.push(field ? `${field.label} ${message}.` : message);
    }
    form._setState({ errors: shown });
    tell(rest.length ? rest : [detail]);
    focusFirst();
  }

  function expired() {
    const login = link(`/login?next=${encodeURIComponent("/ui/tasks")}`, "Log in in a new tab");
    login.target = "_blank";
    tell(["Your log-in has ended. What you filled in is kept here: log in again, then reload this page."], login);
  }

  function tell(sentences, more) {
    problem.replaceChildren(...sentences.map((text) => element("p", text)));
    if (more) problem.append(more);
    problem.hidden = false;
    problem.tabIndex = -1;
    problem.focus();
  }

  function focusFirst() {
    requestAnimationFrame(() => holder.querySelector("[aria-invalid=true], .fjs-has-errors input, .fjs-has-errors textarea")?.focus());
  }
}

function fields(components) {
  return components.flatMap((part) =>
    part.components ? fields(part.components) : part.key && !part.disabled && !part.readonly ? [part] : []);
}

function link(href, text) {
  const found = element("a", text);
  found.href = href;
  return found;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}
