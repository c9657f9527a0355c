// JSON.parse rounds integers above 2^53; sums of a day may be larger. `exact` makes those a BigInt.
// Node 21 or later (Node 20: node --harmony-json-parse-with-source exact.mjs).

export function exact (text) {
  return JSON.parse(text, (key, value, { source }) =>
    Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(source) : value)
}

const record = '{"overage":20000000000000000001,"revision":7}'
console.log(JSON.parse(record).overage, exact(record).overage, exact(record).revision)
