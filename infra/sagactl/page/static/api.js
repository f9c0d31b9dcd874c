// Requests to the page's server.

export const NO_SERVER = "The page's server does not answer. Start it: saga watch.";

/** The answer's content; a POST if there is content to send. Throws an Error with every problem. */
export async function ask(path, content) {
  const response = await request(path, content);
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

async function request(path, content) {
  const options = content === undefined ? {} : postOf(content);
  try {
    return await fetch(path, options);
  } catch {
    throw new Error(NO_SERVER);
  }
}

function postOf(content) {
  return {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  };
}

async function contentOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}
