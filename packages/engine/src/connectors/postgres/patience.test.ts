import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { engineError } from '../../errors.ts'
import type { ConnectorNotice } from '../source.ts'
import { Patience } from './patience.ts'

const away = engineError('POSTGRES_SINK_UNAVAILABLE', { problem: 'connect ECONNREFUSED' })

void test('a database that is away is told while it is waited for, and is the error in the end', async () => {
  const clock = new VirtualClock()
  const notices: ConnectorNotice[] = []
  const patience = new Patience(clock, 60_000, (notice) => void notices.push(notice))
  await assert.rejects(clock.run(patience.with(() => Promise.reject(away))), { code: 'POSTGRES_SINK_UNAVAILABLE' })
  assert.equal(notices[0]?.code, 'POSTGRES_SINK_RETRY')
  assert.match(
    notices[0].message,
    /^postgresSink: the database cannot do its part now: connect ECONNREFUSED .*for 2s, and it is tried again$/,
  )
  assert.ok(notices.length >= 2 && notices.length <= 4)
})

void test('what succeeds soon, or cannot be mended, is not told', async () => {
  const clock = new VirtualClock()
  const notices: ConnectorNotice[] = []
  const patience = new Patience(clock, 60_000, (notice) => void notices.push(notice))
  let tries = 0
  assert.equal(await clock.run(patience.with(() => (tries++ < 3 ? Promise.reject(away) : Promise.resolve('done')))), 'done')
  await assert.rejects(clock.run(patience.with(() => Promise.reject(new TypeError('a bug')))), TypeError)
  assert.deepEqual(notices, [])
})
