// npm run test:storage: checkpoints on a real S3 server and on a real HDFS, each started here; skipped by name where the tools to build them are missing.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { MillraceError, nodeClock, nodeRandom } from '@millrace/core'
import type { KeyedStateFile } from '../../packages/engine/src/checkpoint/handles.ts'
import { stateFilesOf } from '../../packages/engine/src/checkpoint/metadata/metadata.ts'
import { ObjectCheckpoints } from '../../packages/engine/src/checkpoint/object-store/object-checkpoints.ts'
import { ObjectLock } from '../../packages/engine/src/checkpoint/object-store/object-lock.ts'
import { PART_BYTES } from '../../packages/engine/src/checkpoint/object-store/object-store.ts'
import { RemotePlaces, type RemoteOptions } from '../../packages/engine/src/checkpoint/object-store/remote-places.ts'
import { metadataOf } from '../../packages/testkit/test/checkpoint-history.ts'
import { objectStoreConformance } from '../../packages/testkit/test/object-store-conformance.ts'
import { hdfs, remoteCredentials, s3 } from './remote-kind.ts'
import { TestServer } from './server.ts'

const root = join(import.meta.dirname, '../..')
Object.assign(process.env, remoteCredentials)

const hasCode =
  (...codes: readonly string[]) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && codes.includes(error.code)

async function writeState(storage: ObjectCheckpoints, id: number, sizeBytes: number): Promise<KeyedStateFile> {
  const writer = await storage.createStateFile({ attempt: 1, task: 0, subtask: 0 }, id, `size-${sizeBytes}`)
  const bytes = Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 7 + id) & 0xff)
  for (let at = 0; at < sizeBytes; at += 1 << 20) await writer.write(bytes.subarray(at, at + (1 << 20)))
  const handle = await writer.finish()
  return { ...handle, segments: [{ keyGroup: 0, kind: 'full', offset: 0, length: sizeBytes, crc32: crc32(bytes), rows: 1 }] }
}

/** Runs a program of this repository; answers what it printed. */
function run(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, command, { cwd: root, env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve) => void child.on('close', (code) => resolve({ code, output })))
}

for (const kind of [s3, hdfs]) {
  const built = await TestServer.build(kind.name)
  if (typeof built === 'string') {
    describe(kind.title, { skip: built }, () => {})
    continue
  }
  const server = built
  describe(kind.title, () => {
    before(() => server.start())
    after(() => server.remove())
    const ports = { clock: nodeClock, random: nodeRandom }
    const places = (options: Partial<RemoteOptions> = {}): RemotePlaces => new RemotePlaces({ ...kind.options(server), ...options }, ports)
    const open = (): ObjectCheckpoints => new ObjectCheckpoints({ place: places().place(kind.url(server), 'job') })

    objectStoreConformance(() => {
      const url = kind.url(server)
      const { store, prefix } = places().place(url, 'store')
      return { store, other: places().place(url, 'store').store, prefix }
    })

    it('keeps checkpoints over restarts, and removes what a crash left behind', async () => {
      const storage = open()
      assert.deepEqual(await storage.open(), { completed: [], givenUp: [], nextCheckpointId: 1, orphansRemoved: [], damaged: [] })
      const sizes = [0, 1_000, 100_000, 2 * PART_BYTES + 1]
      const files: KeyedStateFile[] = []
      for (const size of sizes) files.push(await writeState(storage, 1, size))
      const { path } = await storage.persist(metadataOf(1, 1, [files]))
      await writeState(storage, 2, 50_000)
      const writer = await storage.createStateFile({ attempt: 1, task: 0, subtask: 0 }, 2, 'crashed')
      await writer.write(new Uint8Array(PART_BYTES))
      const again = open()
      const report = await again.open()
      assert.deepEqual([report.completed, report.damaged, report.nextCheckpointId], [[1], [], 3])
      assert.ok(report.orphansRemoved.includes('shared/1-2-0-0-size-50000'), report.orphansRemoved.join())
      assert.ok(report.orphansRemoved.includes('shared/1-2-0-0-crashed'), report.orphansRemoved.join())
      await assert.rejects(writer.finish(), MillraceError)
      await writer.abort()
      for (const restore of ['latest', path!]) {
        const { checkpoint } = await again.resolveRestore(restore)
        assert.deepEqual(
          stateFilesOf(checkpoint!.metadata).map(({ length }) => length),
          sizes,
        )
      }
      await again.persist(metadataOf(3, 2, [[files[2]!]]))
      await again.retire(1)
      const { store, prefix } = places().place(kind.url(server), 'job')
      const left = (await store.list(prefix)).map(({ key }) => key.slice(prefix.length))
      assert.deepEqual(left.toSorted(), ['chk-3/_metadata', 'shared/1-1-0-0-size-100000'])
      await again.removeAll()
      assert.deepEqual(await store.list(prefix), [])
    })

    it('gives the lock to one of many', async () => {
      const locks = Array.from(
        { length: 5 },
        () => new ObjectLock({ ...ports, place: places().place(kind.url(server), 'locked'), jobName: 'job' }),
      )
      const results = await Promise.allSettled(locks.map((lock) => lock.nextAttempt()))
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
      for (const result of results) if (result.status === 'rejected') assert.ok(hasCode('JOB_LOCKED')(result.reason), String(result.reason))
      await locks[results.findIndex(({ status }) => status === 'fulfilled')]!.release()
      assert.equal(await locks[0]!.nextAttempt(), 2)
      await locks[0]!.release()
    })

    it('says what is wrong with the place', async () => {
      if (kind.name === 's3') {
        const missing = new ObjectCheckpoints({ place: places().place('s3://no-such-bucket/jobs') })
        await assert.rejects(missing.open(), hasCode('CHECKPOINT_STORAGE_MISSING'))
        process.env['AWS_SECRET_ACCESS_KEY'] = 'wrong'
        try {
          await assert.rejects(open().open(), hasCode('CHECKPOINT_STORAGE_FORBIDDEN'))
        } finally {
          process.env['AWS_SECRET_ACCESS_KEY'] = 'millrace-secret'
        }
      } else await refuseOnHdfs(server)
    })

    it(
      'fails while the server is gone, and goes on when it is back',
      { skip: kind.name === 'hdfs' ? 'a mini cluster forgets everything' : false },
      async () => {
        const storage = open()
        await storage.open()
        await storage.persist(metadataOf(1, 1, [[await writeState(storage, 1, 30_000)]]))
        await server.stop()
        await assert.rejects(writeState(storage, 2, 30_000), hasCode('CHECKPOINT_STORAGE_UNREACHABLE'))
        await assert.rejects(storage.persist(metadataOf(2, 1, [[]])), hasCode('CHECKPOINT_STORAGE_UNREACHABLE'))
        await server.start()
        await storage.persist(metadataOf(3, 1, [[await writeState(storage, 3, 30_000)]]))
        assert.equal((await open().resolveRestore('latest')).checkpoint?.metadata.checkpointId, 3)
        assert.deepEqual((await open().open()).damaged, [])
        await storage.removeAll()
      },
    )

    it('loses and repeats nothing when a job is killed', { timeout: 300_000 }, async () => {
      const environment = { ...kind.environment(server), MILLRACE_CHECKPOINTING_DIR: `${kind.url(server)}/killed` }
      const { code, output } = await run(
        ['--conditions=@millrace/source', 'scripts/demo/kill-test.ts', '--kills=5', '--seed=7', '--rescale'],
        environment,
      )
      console.log(output)
      assert.equal(code, 0, output)
    })

    it('restores on another machine, by the URL alone', { timeout: 120_000 }, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-elsewhere-'))
      const job = (state: string, ...flags: readonly string[]): readonly string[] => [
        '--conditions=@millrace/source',
        'packages/millrace/src/bin.ts',
        'run',
        'examples/01-access-count.ts',
        '--output=json',
        `--state-dir=${join(folder, state)}`,
        `--param=input=${join(root, 'examples/data/access.log.gz')}`,
        `--param=output=${join(folder, 'out')}`,
        ...flags,
      ]
      try {
        const first = await run(job('here', `--checkpoint-dir=${kind.url(server)}/moved`), kind.environment(server))
        assert.equal(first.code, 0, first.output)
        const [, path] = /"lastCheckpoint":\{"id":\d+,"path":"([^"]+)"\}/.exec(first.output) ?? []
        assert.ok(path !== undefined && path.startsWith(`${kind.url(server)}/moved/access-count/chk-`), first.output)
        // Its own checkpoints are in a folder.
        const second = await run(job('there', `--restore=${path}`), kind.environment(server))
        assert.equal(second.code, 0, second.output)
        assert.ok(second.output.includes(`"restored":{"id":${/\d+$/.exec(path)![0]},"path":"${path}"}`), second.output)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  })
}

async function refuseOnHdfs({ port }: TestServer): Promise<void> {
  const web = async (method: string, path: string, query: string, user: string): Promise<void> => {
    const response = await fetch(`http://127.0.0.1:${port}/webhdfs/v1${path}?${query}&user.name=${user}`, { method })
    assert.ok(response.ok, `${path} ${query}: ${await response.text()}`)
  }
  const at = (folder: string): ObjectCheckpoints => {
    const places = new RemotePlaces(hdfs.options({ port } as TestServer), { clock: nodeClock, random: nodeRandom })
    return new ObjectCheckpoints({ place: places.place(`webhdfs://127.0.0.1:${port}/${folder}`) })
  }
  await web('PUT', '/private', 'op=MKDIRS&permission=700', 'another')
  await assert.rejects(at('private').open(), hasCode('CHECKPOINT_STORAGE_FORBIDDEN'))
  await web('PUT', '/small', 'op=MKDIRS&permission=777', 'someone')
  await web('PUT', '/small', 'op=SETQUOTA&namespacequota=2', 'hdfs')
  const storage = at('small')
  await assert.rejects(storage.persist(metadataOf(1, 1, [[]])), hasCode('CHECKPOINT_STORAGE_FULL'))
}
