/**
 * npm run bench:growing-file -- [--gigabytes 10] [--keys 100000] [--parallelism 1]
 *
 * A file grows while a job counts its lines by key, with a checkpoint a second: the job's memory must not grow with it. Prints the resident set over the
 * run in tenths, and fails if the last tenth takes a twentieth more than the third. By then all keys have been seen, and the thread's young generation has
 * the size that V8 gives it after its first full collection, however much was read: some seven seconds after the start, so let the run last for thirty.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { usageOf } from '../peers/process-usage.ts'
import { JobCommand } from '../start-up/command.ts'
import { median } from '../statistics.ts'

const { values: flags } = parseArgs({
  options: {
    gigabytes: { type: 'string', default: '10' },
    keys: { type: 'string', default: '100000' },
    parallelism: { type: 'string', default: '1' },
    source: { type: 'boolean', default: false },
  },
})

const LINE_BYTES = 100
const BLOCK_LINES = 40_000
const GROWTH_MAX = 1.05

/** Lines of 100 bytes, the keys in turn. */
function blockOf(first: number, keys: number): Buffer {
  const lines = Array.from({ length: BLOCK_LINES }, (_, n) => `key-${(first + n) % keys} `.padEnd(LINE_BYTES - 1, '.'))
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1')
}

async function grow(path: string, bytes: number, keys: number): Promise<void> {
  const file = await open(path, 'w')
  const period = Math.max(1, Math.ceil(keys / BLOCK_LINES))
  const blocks = Array.from({ length: period }, (_, n) => blockOf(n * BLOCK_LINES, keys))
  for (let written = 0, n = 0; written < bytes; n++) written += (await file.write(blocks[n % period]!)).bytesWritten
  await file.write('end \n')
  await file.close()
}

const folder = mkdtempSync(join(tmpdir(), 'millrace-growing-'))
const path = join(folder, 'lines.txt')
const bytes = Number(flags.gigabytes) * 1e9
const samples: number[] = []
try {
  await (await open(path, 'w')).close()
  const job = join(import.meta.dirname, 'job.ts')
  const settings = [
    `--parallelism=${flags.parallelism}`,
    `--state-dir=${join(folder, 'state')}`,
    '--checkpoint-interval=1s',
    `--param=path=${path}`,
  ]
  let ended: () => void = () => {}
  const end = new Promise<void>((resolve) => (ended = resolve))
  const startMs = performance.now()
  const command = new JobCommand(flags.source ? 'source' : 'compiled', job, settings, (line) => {
    if (line.startsWith('end ')) ended()
  })
  const sampling = setInterval(() => {
    const usage = usageOf(command.child.pid!)
    if (usage !== undefined) samples.push(usage.rssMb)
  }, 500)
  const failed = command.closed.then(() => {
    throw new Error(`the job ended\n${command.stderr}`)
  })
  await Promise.race([Promise.all([grow(path, bytes, Number(flags.keys)), end]), failed])
  clearInterval(sampling)
  failed.catch(() => {})
  await command.kill()
  const seconds = (performance.now() - startMs) / 1000
  const tenths = Array.from({ length: 10 }, (_, n) => {
    const tenth = samples.slice(Math.floor((n * samples.length) / 10), Math.floor(((n + 1) * samples.length) / 10))
    return { tenth: n + 1, medianMb: Math.round(median(tenth)), largestMb: Math.round(Math.max(...tenth)) }
  })
  console.table(tenths)
  const gigabytes = statSync(path).size / 1e9
  console.log(`${gigabytes.toFixed(1)} GB in ${seconds.toFixed(0)} s, ${((gigabytes * 1000) / seconds).toFixed(0)} MB/s`)
  const growth = tenths[9]!.medianMb / tenths[2]!.medianMb
  console.log(`the last tenth takes ${growth.toFixed(2)} times what the third took`)
  if (!(growth <= GROWTH_MAX)) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
