import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Lease } from './lease.ts'

void test('the last holder gives it back, once, whoever that is', () => {
  for (const makerIsLast of [false, true]) {
    let given = 0
    const lease = new Lease(() => given++)
    const [one, two] = [lease.hold(), lease.hold()]
    if (!makerIsLast) lease.letGo()
    one()
    one()
    assert.equal(given, 0)
    two()
    if (makerIsLast) {
      assert.equal(given, 0)
      lease.letGo()
    }
    two()
    assert.equal(given, 1)
  }
})
