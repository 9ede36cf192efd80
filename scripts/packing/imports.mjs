// Every package by its name, as plain JavaScript.
import assert from 'node:assert/strict'

await import('@millrace/log')
for (const name of ['@millrace/core', '@millrace/engine', '@millrace/testkit', '@millrace/cli', 'millrace']) {
  const exported = Object.keys(await import(name))
  assert.ok(exported.length > 0, `${name} exports nothing`)
}
const { defineJob } = await import('millrace')
assert.equal(typeof defineJob, 'function')
