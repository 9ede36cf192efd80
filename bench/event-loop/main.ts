/**
 * npm run bench:event-loop -- [--seconds 20] [--only REGEX] [--limit-ms 10] [--profile FOLDER]
 *
 * What delays the event loop of a broker, cause by cause, each for so many seconds after half as many to warm up: quantiles of how late a tick of a millisecond came, and of the part of it
 * that the loop itself held the processor, whatever else the machine did. Fails where the 99.9th percentile of the latter is over the limit.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { LogClient } from '@millrace/log/client'
import type { LoopDelay } from './broker.ts'
import { causes, type Cause } from './causes.ts'

const { values: flags } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    only: { type: 'string', default: '.' },
    'limit-ms': { type: 'string', default: '10' },
    profile: { type: 'string' },
  },
})
const settings = [
  'log.retention.check.interval.ms=1000',
  'log.cleaner.backoff.ms=500',
  'log.segment.delete.delay.ms=1000',
  'group.consumer.max.size=100000',
]

async function delayOf(broker: ChildProcess): Promise<LoopDelay> {
  broker.send('read')
  const [delay] = (await once(broker, 'message')) as [LoopDelay]
  return delay
}

/** A broker of its own: what one cause leaves behind delays no other. */
async function measure(cause: Cause): Promise<LoopDelay> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-event-loop-'))
  const execArgv = [...process.execArgv, ...(flags.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${flags.profile}`])]
  const broker = fork(join(import.meta.dirname, 'broker.ts'), [dir, ...settings], { execArgv })
  try {
    const [{ bootstrap }] = (await once(broker, 'message')) as [{ bootstrap: string }]
    const client = new LogClient({ bootstrap })
    const work = await cause.prepare({ client, bootstrap })
    const ending = new AbortController()
    const done = work(ending.signal)
    await Promise.race([sleep((Number(flags.seconds) * 1000) / 2), done])
    await delayOf(broker)
    await sleep(Number(flags.seconds) * 1000)
    const delay = await delayOf(broker)
    ending.abort()
    await done
    client.close()
    broker.kill('SIGTERM')
    await once(broker, 'exit')
    return delay
  } finally {
    broker.kill('SIGKILL')
    await rm(dir, { recursive: true, force: true })
  }
}

console.log(`${'milliseconds'.padEnd(48)}  late p99  p99.9  largest   held p99  p99.9  largest`)
let isWithin = true
for (const cause of causes.filter(({ name }) => new RegExp(flags.only).test(name))) {
  const { late, held } = await measure(cause)
  const column = (value: number, width: number): string => value.toFixed(1).padStart(width)
  const columns = [late, held].map(({ p99, p999, largest }) => column(p99, 10) + column(p999, 7) + column(largest, 9))
  console.log(cause.name.padEnd(48) + columns.join(' '))
  isWithin &&= held.p999 <= Number(flags['limit-ms'])
}
process.exitCode = isWithin ? 0 : 1
