import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MillraceError } from '@millrace/core'
import { clientError } from '../errors.ts'
import { Transactions } from './transactions.ts'

void test('a broker that is gone is not waited for: all that are left are asked again, for what it coordinated is theirs', async () => {
  let isKnownToBeGone = false
  const listed = (nodeId: number): readonly string[] =>
    nodeId === 2 && isKnownToBeGone ? ['job-1', 'other'] : nodeId === 3 ? ['job-2'] : []
  const cluster = {
    nodeIds: async () => (isKnownToBeGone ? [2, 3] : [1, 2, 3]),
    refresh: async () => void (isKnownToBeGone = true),
    link(nodeId: number) {
      if (nodeId === 1) throw clientError('CLIENT_NO_BROKER', { brokers: '1', problem: 'the cluster does not list it' })
      const transactionStates = listed(nodeId).map((transactionalId) => ({ transactionalId, producerId: 7, transactionState: 'Ongoing' }))
      return {
        broker: `${nodeId}`,
        connection: async () => ({ versionOf: () => 1 }),
        ask: async () => ({ errorCode: 0, transactionStates }),
      }
    },
    async patiently<T>(work: () => Promise<T>): Promise<T> {
      for (let attempt = 1; ; attempt++) {
        try {
          return await work()
        } catch (error) {
          if (!(error as MillraceError).retry || attempt === 5) throw error
        }
      }
    },
  }
  const found = await new Transactions({ cluster } as never, {} as never).list({ prefix: 'job' })
  assert.deepEqual(
    found.map(({ transactionalId, state }) => `${transactionalId} ${state}`),
    ['job-1 Ongoing', 'job-2 Ongoing'],
  )
})
