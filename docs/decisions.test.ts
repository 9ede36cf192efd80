// Each decision says when it was taken, why, and what follows from it; and the index has them all.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const folder = join(import.meta.dirname, 'decisions')
const names = globSync('[0-9]*.md', { cwd: folder }).toSorted()
const index = readFileSync(join(folder, 'README.md'), 'utf8')

void test('decisions are numbered without a gap', () => {
  assert.deepEqual(
    names.map((name) => Number(name.slice(0, 4))),
    names.map((_, number) => number),
  )
})

for (const name of names) {
  const text = readFileSync(join(folder, name), 'utf8')

  void test(`${name} has a date, its context, its reason and its consequences`, () => {
    for (const part of [
      /^Decided on (\d{4}-\d{2}-\d{2}|YYYY-MM-DD)\./m,
      /^Where it is: /m,
      /^\*\*Why/m,
      /^\*\*What follows:\*\*/m,
      /^\*\*Would change it:\*\*/m,
    ])
      assert.match(text, part)
  })

  void test(`${name} is in the index, under its title and date`, () => {
    if (name.startsWith('0000')) return
    const title = /^# (\d+)\. (.*)$/m.exec(text)!
    assert.equal(Number(title[1]), Number(name.slice(0, 4)))
    assert.ok(index.includes(`[${title[2]}](${name})`), `${title[2]} is not in the index`)
    assert.ok(index.includes(/Decided on (\S+)\./.exec(text)![1]!))
  })
}
