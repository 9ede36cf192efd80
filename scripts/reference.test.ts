import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { referencePages } from './reference.ts'

void test('the reference says what the code says', async () => {
  for (const [path, text] of await referencePages()) {
    assert.equal(readFileSync(join(import.meta.dirname, '..', path), 'utf8'), text, `${path} is out of date: run "npm run docs"`)
  }
})
