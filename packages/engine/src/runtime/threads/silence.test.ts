import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Silence } from './silence.ts'

void test('silence is counted from the last word on', () => {
  const silence = new Silence(500, 0)
  assert.equal(silence.look(500), 500)
  assert.equal(silence.look(1_000), 1_000)
  silence.heard()
  assert.equal(silence.look(1_500), 500)
})

void test('the time that the listener was away itself is nobody’s silence', () => {
  const silence = new Silence(500, 0)
  silence.look(500)
  silence.heard()
  assert.equal(silence.look(3_600_000), 500)
})
