// A job that is killed with SIGKILL, again and again, and comes back at another parallelism: every record is in its output once.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'

const RECORDS = 6_000
const PARTITIONS = 3
const KILLS = 3

const folder = mkdtempSync(join(tmpdir(), 'millrace-kafka-crash-'))
const log = await Log.start({ memory: true })
const client = new LogClient({ bootstrap: log.bootstrap })
after(async () => {
  client.close()
  await log.close()
  rmSync(folder, { recursive: true })
})

/** Written lines, in the order of the files that were published. */
function lines(): string[] {
  const dir = join(folder, 'out')
  const names = readdirSync(dir).filter((name) => !name.startsWith('.'))
  return names.flatMap((name) => readFileSync(join(dir, name), 'utf8').split('\n').slice(0, -1))
}

async function hasCheckpoint(): Promise<boolean> {
  const committed = await client.admin.groups.offsets('copied').catch(() => [])
  return committed.some(({ offset }) => offset > 0)
}

void test('a job that is killed reads on from its last checkpoint, at any parallelism', async () => {
  await client.admin.createTopics([{ name: 'copied', partitions: PARTITIONS }])
  const producer = client.producer({ lingerMs: 1 })
  const written: string[] = []
  let kills = 0
  const enough = Promise.withResolvers<void>()
  const writing = (async () => {
    for (let n = 0; n < RECORDS; n++) {
      const value = `${n % PARTITIONS}:${n}`
      written.push(value)
      producer.append({ topic: 'copied', partition: n % PARTITIONS, value })
      if (n % 60 === 59) await sleep(30)
      // The end comes when the job has been killed often enough.
      if (n === RECORDS / 2) await enough.promise
    }
    await producer.close()
  })()
  const script = join(import.meta.dirname, 'fixtures', 'copy-job.ts')
  const flags = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']
  let code: number | null = null
  for (let life = 0; code !== 0; life++) {
    const parallelism = [2, 3, 1][life % 3]!
    const args = [...flags, script, log.bootstrap, 'copied', String(RECORDS / PARTITIONS), folder, String(parallelism)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const problem: string[] = []
    child.stderr.on('data', (chunk: Buffer) => void problem.push(chunk.toString()))
    const exited = once(child, 'exit')
    if (kills < KILLS) {
      while (child.exitCode === null && !(await hasCheckpoint())) await sleep(20)
      await sleep(life === 0 ? 100 : 700)
      if (child.kill('SIGKILL')) kills++
      if (kills === KILLS) enough.resolve()
    }
    const [exitCode, signal] = (await exited) as [number | null, string | null]
    code = exitCode
    assert.ok(code === 0 || signal === 'SIGKILL', problem.join(''))
  }
  await writing
  const seen = lines()
  assert.equal(kills, KILLS)
  assert.equal(seen.length, RECORDS)
  assert.deepEqual(new Set(seen), new Set(written))
  const committed = await client.admin.groups.offsets('copied')
  assert.deepEqual(
    committed.map(({ offset }) => offset),
    Array.from({ length: PARTITIONS }, () => RECORDS / PARTITIONS),
  )
})
