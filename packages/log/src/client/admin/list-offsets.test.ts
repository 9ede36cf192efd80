import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { LogClient } from '../client.ts'
import type { StartPosition } from '../fetcher/fetcher-options.ts'
import type { OffsetSpec } from './list-offsets.ts'

/** Nobody listens there: what is refused is refused before anybody is asked. */
const client = new LogClient({ bootstrap: '127.0.0.1:1', apiTimeoutMs: 1 })
after(() => client.close())

const at = { topic: 't', partition: 0 }
const wrongPlaces = ['newest', 'beginning', '', { timestampMs: '5' }, { timestampMs: 1.5 }, { timestampMs: new Date(0) }, {}, 5, null]

void test('a place or an isolation that there is not is refused, and not read as another', async () => {
  for (const spec of wrongPlaces) {
    await assert.rejects(client.admin.listOffsets([{ ...at, spec: spec as OffsetSpec }]), {
      code: 'CLIENT_OPTION',
      message: /option spec must/,
    })
  }
  await assert.rejects(client.admin.listOffsets([{ ...at, spec: 'latest' }], 'read-committed' as never), {
    code: 'CLIENT_OPTION',
    message: /option isolation must be read_committed or read_uncommitted, and is read-committed/,
  })
})

void test('a fetcher does not begin at a place that there is not', () => {
  const fetcher = client.fetcher()
  fetcher.assign([{ ...at, start: { offset: 0 } }])
  for (const start of [...wrongPlaces, 'max-timestamp', { offset: -1 }, { offset: '0' }, { offset: NaN }] as StartPosition[]) {
    const refused = { code: 'CLIENT_OPTION', message: /option start must/ }
    assert.throws(() => fetcher.assign([{ ...at, partition: 1, start }]), refused)
    assert.throws(() => fetcher.seek(at, start), refused)
  }
  assert.deepEqual(fetcher.assigned(), [at])
  for (const start of ['earliest', 'latest', { timestampMs: 0 }, { offset: 7, leaderEpoch: 1 }] as const) fetcher.seek(at, start)
  fetcher.close()
})
