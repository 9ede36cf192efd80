import assert from 'node:assert/strict'
import { test } from 'node:test'
import { discardBytes } from './discard-bytes.ts'

void test('bytes that have their memory to themselves are empty afterwards; shared memory is left alone', () => {
  const own = Buffer.allocUnsafeSlow(1 << 20)
  discardBytes(own)
  assert.equal(own.length, 0)
  const shared = Buffer.alloc(100)
  const view = shared.subarray(10, 20)
  discardBytes(view)
  assert.equal(view.length, 10)
  discardBytes(new Uint8Array(0))
})
