/**
 * npm run bench:start-up -- [--parts start-up,idle,recovery] [--parallelism 2] [--repeat 5] [--keys 1000000] [--strings] [--idle-seconds 10] [--source] [--json]
 *
 * From outside, through the command line: start to first output of a small job; what an idle job takes; start to first output after a kill -9,
 * beside a bare read and decode of the same checkpoint. Compiles the packages first, or runs the sources as they are with `--source`.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { usageOf } from '../peers/process-usage.ts'
import { median } from '../statistics.ts'
import { firstOutput, JobCommand, type Build } from './command.ts'
import { measureRecovery } from './recovery.ts'

const { values: flags } = parseArgs({
  options: {
    parts: { type: 'string', default: 'start-up,idle,recovery' },
    parallelism: { type: 'string', default: '2' },
    repeat: { type: 'string', default: '5' },
    keys: { type: 'string', default: '1000000' },
    strings: { type: 'boolean', default: false },
    'idle-seconds': { type: 'string', default: '10' },
    source: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})

const SETTLE_MS = 3_000
const build: Build = flags.source ? 'source' : 'compiled'
const parallelism = Number(flags.parallelism)
const repeat = Number(flags.repeat)
const parts = new Set(flags.parts.split(','))

function say(part: string, figures: object): void {
  if (flags.json) console.log(JSON.stringify({ part, build, parallelism, ...figures }))
  else console.log(part, figures)
}

async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  try {
    return await use(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function startUp(): Promise<number> {
  const ms: number[] = []
  const nodeMs: number[] = []
  for (let n = 0; n < repeat; n++) {
    ms.push(
      await inFolder(
        async (folder) => (await firstOutput(build, 'small-job.ts', [`--parallelism=${parallelism}`, `--state-dir=${folder}`])).ms,
      ),
    )
    const startMs = performance.now()
    execFileSync(process.execPath, ['-e', 'console.log(1)'])
    nodeMs.push(performance.now() - startMs)
  }
  say('start-up', { firstOutputMs: median(ms), leastMs: Math.min(...ms), mostMs: Math.max(...ms), emptyNodeMs: median(nodeMs) })
  return median(ms)
}

async function idle(): Promise<void> {
  await inFolder(async (folder) => {
    const command = new JobCommand(build, 'idle-job.ts', [`--parallelism=${parallelism}`, `--state-dir=${folder}`], () => {})
    await setTimeout(SETTLE_MS)
    const before = usageOf(command.child.pid!)
    await setTimeout(Number(flags['idle-seconds']) * 1000)
    const after = usageOf(command.child.pid!)
    await command.kill()
    if (before === undefined || after === undefined) throw new Error(`the idle job ended\n${command.stderr}`)
    const { rssMb, peakRssMb } = after
    say('idle', { rssMb, peakRssMb, coreShare: (after.cpuSeconds - before.cpuSeconds) / Number(flags['idle-seconds']) })
  })
}

async function recovery(startUpMs: number): Promise<void> {
  const { ms, bare } = await measureRecovery({ build, keys: Number(flags.keys), strings: flags.strings, parallelism, repeat })
  const bareMs = median(bare.map((each) => each.ms))
  const { keys, fileBytes, estimatedBytesPerKey, measuredBytesPerKey } = bare[0]!
  say('recovery', {
    keys,
    firstOutputMs: median(ms),
    leastMs: Math.min(...ms),
    mostMs: Math.max(...ms),
    bareMs,
    startUpMs,
    timesBareBeyondStartUp: (median(ms) - startUpMs) / bareMs,
    fileBytesPerKey: fileBytes / keys,
    estimatedBytesPerKey,
    measuredBytesPerKey,
  })
}

if (build === 'compiled') {
  console.error('compiling')
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: join(import.meta.dirname, '../..'), stdio: 'inherit' })
}
const startUpMs = parts.has('start-up') || parts.has('recovery') ? await startUp() : 0
if (parts.has('idle')) await idle()
if (parts.has('recovery')) await recovery(startUpMs)
