import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pesterBroker } from './live.ts'

void test('a broker lives on under damaged requests, and serves others', async () => {
  const { answered } = await pesterBroker(11, 240)
  assert.ok(answered > 20, `${answered} connections were answered`)
})
