// A server of words, and a log in this process: what the job prints goes to a child's output.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Log } from '@millrace/log'
import { LogClient } from '@millrace/log/client'
import { startJob } from 'millrace'
import job from './10-checkpoint-options.ts'

void test('counts reach their topic once a checkpoint is complete, and what is left of it stays', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-options-'))
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write('to be\nor not\nto be\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const log = await Log.start({ memory: true })
  const client = new LogClient({ bootstrap: log.bootstrap })
  try {
    await client.topic('word-counts', { autoCreate: true })
    const { port } = server.address() as AddressInfo
    const params = { port, brokers: log.bootstrap, dir: join(folder, 'checkpoints') }
    const running = startJob(job, { params, options: { stateDir: join(folder, 'state') } })
    const fetcher = client.fetcher({ isolation: 'read_committed', maxWaitMs: 10 })
    fetcher.assign([{ topic: 'word-counts', partition: 0, start: 'earliest' }])
    const found: string[] = []
    while (found.length < 6) {
      for (const { records } of await fetcher.poll({ waitMs: 100 }))
        found.push(...records.map(({ value }) => Buffer.from(value!).toString()))
    }
    fetcher.close()
    assert.deepEqual(found.toSorted(), ['be:::1', 'be:::2', 'not:::1', 'or:::1', 'to:::1', 'to:::2'])
    const { history } = running.checkpoints()
    await running.cancel()
    assert.ok(history.some(({ outcome }) => outcome.kind === 'completed'))
    const kept = join(folder, 'checkpoints', 'word-count-options')
    assert.ok(existsSync(kept) && readdirSync(kept).some((name) => name.startsWith('chk-')), 'it is cancelled, and its checkpoint is kept')
  } finally {
    client.close()
    await log.close()
    for (const socket of sockets) socket.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  }
})
