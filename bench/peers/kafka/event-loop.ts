/**
 * What delays the event loop of a broker of ours: node event-loop.ts HOST:PORT TOPIC METRICS_URL SECONDS
 *
 * Records go over topics of small segments (rolls), one of them compacted, at half of what loads it, while members of a group come and go. Prints quantiles of
 * the delay over that time, which begins after the topics have been made, as JSON.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { LogClient } from '@millrace/log/client'
import { consumeSteadily, produceSteadily, rebalanceSteadily, type Load } from '../../soak/load.ts'
import { placeOf } from '../../soak/wire.ts'

const [bootstrap = '', topic = '', metricsUrl = '', seconds = '30'] = process.argv.slice(2)
const PARTITIONS = 6
const BYTES_PER_SECOND = 10_000_000
const NAME = 'millrace_event_loop_delay_ms'

const client = new LogClient({ bootstrap })
const topics = {
  kept: `${topic}-kept`,
  keptPartitions: PARTITIONS,
  compacted: `${topic}-compacted`,
  compactedPartitions: PARTITIONS,
  probe: `${topic}-group`,
}
const segments = { 'segment.bytes': '1048576' }
await client.admin.createTopics([
  { name: topics.kept, partitions: PARTITIONS, configs: { ...segments, 'retention.bytes': '4194304' } },
  {
    name: topics.compacted,
    partitions: PARTITIONS,
    configs: { ...segments, 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01' },
  },
  { name: topics.probe, partitions: PARTITIONS },
])
const ending = new AbortController()
const counts = { producedBytes: 0, consumedRecords: 0, connections: 0, stalled: 0, groupGenerations: 0 }
const load: Load = { client, place: placeOf(bootstrap), topics, counts, signal: ending.signal }
const work = Promise.all([
  produceSteadily(load, BYTES_PER_SECOND),
  consumeSteadily(load, PARTITIONS),
  rebalanceSteadily(load),
  rebalanceSteadily(load),
])
// The first look begins to measure; the second leaves out what came before.
await (await fetch(metricsUrl)).text()
await Promise.race([sleep(Number(seconds) * 1000), work])
const text = await (await fetch(metricsUrl)).text()
ending.abort()
await work
const quantileOf = (label: string): number => Number(new RegExp(`^${NAME}\\{[^}]*quantile="${label}"[^}]*\\} (\\S+)`, 'm').exec(text)?.[1])
await client.admin.deleteTopics([topics.kept, topics.compacted, topics.probe])
client.close()
console.log(
  JSON.stringify({
    p99Ms: quantileOf('0.99'),
    p999Ms: quantileOf('0.999'),
    largestMs: quantileOf('1'),
    rebalances: counts.groupGenerations,
  }),
)
process.exit(0)
