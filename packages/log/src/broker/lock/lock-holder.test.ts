import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pidOf } from './lock-holder.ts'

const locks = `1: POSIX  ADVISORY  READ  11 08:01:99 0 EOF
2: POSIX  ADVISORY  WRITE 22 08:01:1234 1073741824 1073742335
2: -> POSIX  ADVISORY  WRITE 33 08:01:55 0 EOF
3: FLOCK  ADVISORY  WRITE 44 00:2f:66 0 EOF
4: POSIX  ADVISORY  WRITE -1 08:01:77 0 EOF
`

void test('who holds a lock is read from the table of the kernel', () => {
  assert.equal(pidOf(locks, 1234), 22)
  assert.equal(pidOf(locks, 66), 44)
  assert.equal(pidOf(locks, 77), -1)
  for (const none of [99, 55, 123, 1]) assert.equal(pidOf(locks, none), undefined)
  assert.equal(pidOf('', 1), undefined)
})
