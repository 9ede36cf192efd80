import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '@millrace/core'
import { describeError } from './failure-text.ts'

const engine = import.meta.resolve('@millrace/engine')

function refused(cause?: Error): MillraceError {
  const error = new MillraceError('ARGUMENT_INVALID', { who: 'user', retry: false, message: 'keyBy: no' }, {}, cause)
  error.stack = [
    'MillraceError: keyBy: no',
    `    at checkFunction (${engine}:1:1)`,
    // By the name of a source outside what is built, as source maps give it.
    `    at checkOptions (${new URL('../sources/checks.ts', engine).href}:1:1)`,
    '    at Array.map (<anonymous>)',
    '    at async Promise.all (index 0)',
    '    at Object.build (file:///jobs/orders.ts:3:45)',
    '    at main (file:///jobs/main.ts:9:1)',
  ].join('\n')
  return error
}

void test('an error of ours is told with the place of the call in the code of the user', () => {
  assert.equal(describeError(refused()), 'keyBy: no [ARGUMENT_INVALID]\n    at Object.build (file:///jobs/orders.ts:3:45)')
})

void test('one that the code of the user has caused is told with the frames of that alone', () => {
  const cause = new Error('keyBy: no')
  cause.stack = 'Error: keyBy: no\n    at select (file:///jobs/orders.ts:7:1)'
  assert.equal(describeError(refused(cause)), 'keyBy: no [ARGUMENT_INVALID]\n    at select (file:///jobs/orders.ts:7:1)')
})
