/**
 * npm run soak:log -- [--minutes 30] [--partitions 4000] [--connections 1000] [--stalled 1000] [--gigabytes 10] [--sample-seconds 10]
 *
 * One broker in a process of its own under everything at once: records written over all partitions and read again, retention, compaction, connections that
 * come and go, consumers that take nothing, a group whose members change. Samples what it uses and how long a record takes; fails unless that stays flat
 * (`flatness.ts`). A minute is a smoke test; half an hour is what is meant.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { LogClient } from '@millrace/log/client'
import { quantile } from '../statistics.ts'
import type { BrokerUse } from './broker.ts'
import { judge, type Sample } from './flatness.ts'
import {
  comeAndGo,
  consumeSteadily,
  probe,
  produceSteadily,
  rebalanceSteadily,
  stall,
  type Counts,
  type Load,
  type Topics,
} from './load.ts'
import { placeOf } from './wire.ts'

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    partitions: { type: 'string', default: '4000' },
    connections: { type: 'string', default: '1000' },
    stalled: { type: 'string', default: '1000' },
    gigabytes: { type: 'string', default: '10' },
    'sample-seconds': { type: 'string' },
  },
})

const SAMPLES = 60
const SAMPLE_SECONDS_MIN = 2
const CONSUMED_PARTITIONS = 200
const PROBE_INTERVAL_MS = 50
const seconds = Number(flags.minutes) * 60
const bytes = Number(flags.gigabytes) * 1e9
const partitions = Number(flags.partitions)
const sampleSeconds = Number(flags['sample-seconds'] ?? Math.max(SAMPLE_SECONDS_MIN, seconds / SAMPLES))

/** A quarter of the partitions is compacted. The others keep a fifth of what they get, so that retention works for most of the run. */
async function createTopics(client: LogClient): Promise<Topics> {
  const compactedPartitions = Math.max(1, Math.floor(partitions / 4))
  const keptPartitions = Math.max(1, partitions - compactedPartitions)
  const share = bytes / partitions
  const segmentBytes = String(Math.max(64 * 1024, Math.round(share / 10)))
  const retentionBytes = String(Math.max(128 * 1024, Math.round(share / 5)))
  const compaction = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.5', 'segment.bytes': segmentBytes }
  await client.admin.createTopics([
    { name: 'kept', partitions: keptPartitions, configs: { 'segment.bytes': segmentBytes, 'retention.bytes': retentionBytes } },
    { name: 'compacted', partitions: compactedPartitions, configs: compaction },
    { name: 'probe', partitions: 1, configs: { 'retention.bytes': '1048576', 'segment.bytes': '524288' } },
  ])
  return { kept: 'kept', keptPartitions, compacted: 'compacted', compactedPartitions, probe: 'probe' }
}

async function useOf(broker: ChildProcess): Promise<BrokerUse> {
  broker.send('use')
  const [use] = (await once(broker, 'message')) as [BrokerUse]
  return use
}

const heading =
  'seconds    rss MB   heap MB  buffers MB  descriptors  probe p50 ms  p99 ms     written MB   connections  stalled  rebalances'

function row(sample: Sample, counts: Counts): string {
  const columns: readonly (readonly [value: number, width: number, digits: number])[] = [
    [sample.seconds, 7, 0],
    [sample.rssMb, 10, 0],
    [sample.heapMb, 10, 0],
    [sample.buffersMb, 12, 0],
    [sample.descriptors, 13, 0],
    [sample.probeP50Ms, 14, 2],
    [sample.probeP99Ms, 8, 1],
    [counts.producedBytes / 1e6, 15, 0],
    [counts.connections, 14, 0],
    [counts.stalled, 9, 0],
    [counts.groupGenerations, 12, 0],
  ]
  return columns.map(([value, width, digits]) => value.toFixed(digits).padStart(width)).join('')
}

async function sampleUntil(broker: ChildProcess, counts: Counts, latencies: number[], signal: AbortSignal): Promise<Sample[]> {
  const samples: Sample[] = []
  const beganMs = performance.now()
  console.log(heading)
  while (!signal.aborted) {
    await sleep(sampleSeconds * 1000, undefined, { signal }).catch(() => undefined)
    if (latencies.length === 0 || signal.aborted) continue
    const probed = latencies.splice(0)
    const probes = { probeP50Ms: quantile(probed, 0.5), probeP99Ms: quantile(probed, 0.99) }
    const sample = { seconds: Math.round((performance.now() - beganMs) / 1000), ...(await useOf(broker)), ...probes }
    samples.push(sample)
    console.log(row(sample, counts))
  }
  return samples
}

async function soak(broker: ChildProcess, bootstrap: string): Promise<boolean> {
  const client = new LogClient({ bootstrap })
  const createdMs = performance.now()
  const topics = await createTopics(client)
  console.log(`${partitions} partitions created in ${((performance.now() - createdMs) / 1000).toFixed(1)} s`)
  const counts: Counts = { producedBytes: 0, consumedRecords: 0, connections: 0, stalled: 0, groupGenerations: 0 }
  const ending = new AbortController()
  const { signal } = ending
  const load: Load = { client, place: placeOf(bootstrap), topics, counts, signal }
  const latencies: number[] = []
  const timer = setTimeout(() => ending.abort(), seconds * 1000)
  const parts = [
    produceSteadily(load, bytes / seconds),
    consumeSteadily(load, CONSUMED_PARTITIONS),
    rebalanceSteadily(load),
    comeAndGo(load, Number(flags.connections)),
    stall(load, Number(flags.stalled)),
    probe(load, PROBE_INTERVAL_MS, (milliseconds) => latencies.push(milliseconds)),
  ]
  const work = Promise.all(parts).catch((error: unknown) => {
    ending.abort()
    throw error
  })
  const [samples] = await Promise.all([sampleUntil(broker, counts, latencies, signal), work])
  clearTimeout(timer)
  client.close()
  return report(samples, counts)
}

function report(samples: readonly Sample[], counts: Counts): boolean {
  const verdicts = judge(samples)
  if (verdicts.length === 0) {
    console.log('too few samples to say whether anything grows')
    return false
  }
  for (const { of, early, late, limit, isFlat } of verdicts) {
    console.log(`${isFlat ? 'flat ' : 'GROWS'}  ${of.padEnd(12)} ${early.toFixed(2)} -> ${late.toFixed(2)}, at most ${limit.toFixed(2)}`)
  }
  const isComplete = counts.producedBytes >= 0.9 * bytes
  if (!isComplete) console.log(`only ${(counts.producedBytes / 1e9).toFixed(2)} GB of ${flags.gigabytes} have been written`)
  console.log(`${counts.consumedRecords} records read`)
  return isComplete && verdicts.every(({ isFlat }) => isFlat)
}

/** What it uses once its clients have gone, and whether it stops. */
async function stop(broker: ChildProcess): Promise<void> {
  await sleep(2000)
  const { rssMb, descriptors } = await useOf(broker)
  console.log(`without clients: ${rssMb.toFixed(0)} MB, ${descriptors} descriptors`)
  const beganMs = performance.now()
  broker.kill('SIGTERM')
  await once(broker, 'exit')
  console.log(`closed in ${((performance.now() - beganMs) / 1000).toFixed(1)} s`)
}

const dir = await mkdtemp(join(tmpdir(), 'millrace-soak-'))
const broker = fork(join(import.meta.dirname, 'broker.ts'), [dir])
try {
  const [{ bootstrap }] = (await once(broker, 'message')) as [{ bootstrap: string }]
  const isFlat = await soak(broker, bootstrap)
  await stop(broker)
  process.exitCode = isFlat ? 0 : 1
} finally {
  broker.kill('SIGKILL')
  await rm(dir, { recursive: true, force: true })
}
