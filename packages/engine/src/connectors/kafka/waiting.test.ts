// What source and sink say while their cluster is not there, and in the end; on a virtual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeDisk, NetworkError, type MillraceError, type Network } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import type { ConnectorNotice } from '../source.ts'
import { string } from './formats/plain.ts'
import { kafkaSink } from './sink/kafka-sink.ts'
import { kafkaSource } from './source/kafka-source.ts'

const refusing: Network = {
  listen: () => Promise.reject(new NetworkError('other', 'nobody listens here')),
  connect: () => Promise.reject(new NetworkError('refused', 'connect ECONNREFUSED')),
}

function machine(): {
  readonly clock: VirtualClock
  readonly notices: readonly (ConnectorNotice & { readonly atMs: number })[]
  readonly ports: Pick<
    Parameters<ReturnType<typeof kafkaSource>['createEnumerator']>[0],
    'clock' | 'disk' | 'network' | 'random' | 'report'
  >
} {
  const clock = new VirtualClock()
  const notices: (ConnectorNotice & { readonly atMs: number })[] = []
  const report = (notice: ConnectorNotice): void => void notices.push({ ...notice, atMs: clock.monotonic() })
  return { clock, notices, ports: { clock, disk: nodeDisk, network: refusing, random: new SeededRandom(1), report } }
}

const nothing = (): void => undefined

void test('a source whose brokers are not there names them after a second, rarely from then on, and fails by name', async () => {
  const { clock, notices, ports } = machine()
  const source = kafkaSource({ brokers: 'kafka-1:9092', topics: 'orders', value: string() })
  const enumerator = source.createEnumerator({ ...ports, parallelism: 1, assign: nothing, noMoreSplits: nothing, fail: nothing })
  await assert.rejects(clock.run(Promise.resolve(enumerator.start(undefined))), {
    code: 'CLIENT_NO_BROKER',
    who: 'operator',
    message: /kafka-1:9092/,
  })
  const [first, ...others] = notices
  assert.deepEqual(first, {
    code: 'KAFKA_WAITING',
    message: 'kafkaSource: still no connection to broker kafka-1:9092 after 1s: connect ECONNREFUSED',
    atMs: 1_000,
  })
  assert.ok(others.length <= 1)
})

void test('a source whose brokers are not there keeps nobody waiting once the job ends', async () => {
  const { clock, ports } = machine()
  const job = new AbortController()
  const source = kafkaSource({ brokers: 'kafka-1:9092', topics: 'orders', value: string() })
  const context = { ...ports, parallelism: 1, assign: nothing, noMoreSplits: nothing, fail: nothing, stopped: job.signal }
  const enumerator = source.createEnumerator(context)
  clock.after(2_000, () => job.abort())
  await assert.rejects(clock.run(Promise.resolve(enumerator.start(undefined))))
  assert.equal(clock.monotonic(), 2_000)
})

for (const delivery of ['exactly-once', 'at-least-once', 'none'] as const) {
  void test(`a sink (${delivery}) whose brokers are not there names them after a second, and fails by name`, async () => {
    const { clock, notices, ports } = machine()
    const sink = kafkaSink<string>({ brokers: 'kafka-1:9092', topic: 'orders', value: string(), delivery })
    const context = { ...ports, subtask: 0, parallelism: 1, jobName: 'j', stateId: 's', attempt: 1, wake: nothing, fail: nothing }
    const writer = sink.createWriter(context)
    const opened = clock.run(Promise.resolve(writer.open([])))
    await assert.rejects(opened, (error: MillraceError) => error.code === 'KAFKA_SINK_FAILED' && error.message.includes('kafka-1:9092'))
    assert.equal(notices[0]?.message, 'kafkaSink: still no connection to broker kafka-1:9092 after 1s: connect ECONNREFUSED')
    assert.ok(notices.length >= 3 && notices.length <= 5, `${notices.length} in a minute`)
    await clock.run(Promise.resolve(writer.close()))
  })
}
