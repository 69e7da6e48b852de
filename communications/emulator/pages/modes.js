// The ways to misbehave that have a switch: mode, name, what it means, more of the rule.

export const FAULTS = [
  ["429", "Too many requests", "with Retry-After"],
  ["500", "Internal error", "nothing accepted"],
  ["503", "Unavailable", "nothing accepted"],
  ["400", "Bad request", "nothing accepted"],
  ["401", "Not authorised", "nothing accepted"],
  ["drop_before", "Drop the connection", "nothing accepted"],
  ["hang", "Never answer", "nothing accepted"],
  ["html_200", "A proxy’s page", "status 200, nothing accepted"],
  ["error_200", "An error as 200", "nothing accepted"],
  ["accept_then_drop", "Accept, then drop", "the answer is lost"],
  ["accept_then_late", "Accept, answer late", "after 20 seconds", { delay_ms: 20000 }],
  ["truncated", "Cut the answer", "accepted, half the JSON"],
];

export const title = (mode) => FAULTS.find(([name]) => name === mode)?.[1] || mode;
