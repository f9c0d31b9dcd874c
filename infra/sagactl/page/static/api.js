// Requests to the page's server.

export const NO_SERVER = "The page's server does not answer. Start it: saga watch.";

/**
 * The answer's content; a POST if there is content to send, with a key if it must not be done twice.
 * Throws an Error with every problem.
 */
export async function ask(path, content, key) {
  const response = await request(path, content, key);
  const answer = await contentOf(response);
  if (!response.ok) {
    const problems = answer.problems ?? [answer.message ?? response.statusText];
    throw new Error(problems.join("; "));
  }
  return answer;
}

/** For what fails when the connection is down, which the page says by itself. */
export function logFailure(error) {
  console.warn(error.message);
}

async function request(path, content, key) {
  const options = content === undefined ? {} : postOf(content, key);
  try {
    return await fetch(path, options);
  } catch {
    throw new Error(NO_SERVER);
  }
}

function postOf(content, key) {
  const headers = { "Content-Type": "application/json" };
  if (key !== undefined) headers["Idempotency-Key"] = key;
  return { method: "POST", headers, body: JSON.stringify(content) };
}

async function contentOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}
