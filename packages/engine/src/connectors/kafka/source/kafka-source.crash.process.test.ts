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
/** Of each life, before it is known to read. */
const FIRST = 500

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

/** Records that completed checkpoints cover, as the group was told. */
async function covered(): Promise<number> {
  const committed = await client.admin.groups.offsets('copied').catch(() => [])
  return committed.reduce((sum, { offset }) => sum + Math.max(0, offset), 0)
}

void test('a job that is killed reads on from its last checkpoint, at any parallelism', async () => {
  await client.admin.createTopics([{ name: 'copied', partitions: PARTITIONS }])
  const producer = client.producer({ lingerMs: 1 })
  const written: string[] = []
  const write = async (count: number): Promise<void> => {
    for (const end = written.length + count; written.length < end;) {
      const n = written.length
      const value = `${n % PARTITIONS}:${n}`
      written.push(value)
      producer.append({ topic: 'copied', partition: n % PARTITIONS, value })
      if (n % 60 === 59) await sleep(20)
    }
  }
  const script = join(import.meta.dirname, 'fixtures', 'copy-job.ts')
  const flags = ['--conditions=@millrace/source', '--disable-warning=ExperimentalWarning']
  for (let life = 0; life <= KILLS; life++) {
    const parallelism = [2, 3, 1][life % 3]!
    const args = [...flags, script, log.bootstrap, 'copied', String(RECORDS / PARTITIONS), folder, String(parallelism)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const problem: string[] = []
    child.stderr.on('data', (chunk: Buffer) => void problem.push(chunk.toString()))
    const exited = once(child, 'exit')
    const covers = async (count: number): Promise<void> => {
      while (child.exitCode === null && (await covered()) < count) await sleep(5)
    }
    // The end comes in the last life: until then the job waits for more.
    await write(FIRST)
    await covers(written.length)
    const writing = write(RECORDS / (KILLS + 1) - FIRST)
    if (life < KILLS) {
      // It has completed checkpoints of its own, and reads what is still being written.
      await covers(written.length + 1)
      child.kill('SIGKILL')
    }
    await writing
    await producer.flush()
    assert.deepEqual(await exited, life < KILLS ? [null, 'SIGKILL'] : [0, null], problem.join(''))
  }
  await producer.close()
  const seen = lines()
  assert.equal(seen.length, RECORDS)
  assert.deepEqual(new Set(seen), new Set(written))
  const committed = await client.admin.groups.offsets('copied')
  assert.deepEqual(
    committed.map(({ offset }) => offset),
    Array.from({ length: PARTITIONS }, () => RECORDS / PARTITIONS),
  )
})
