// What the options of checkpoints on S3 and HDFS do to the requests that are made. The credentials of the SDK come from the environment: a process of its own.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import dns from 'node:dns'
import { after, before, describe, it } from 'node:test'
import { nodeClock, nodeDisk, nodeRandom, resolveOptions } from '@millrace/core'
import { engineOptionTable, type EngineOptionInput } from '@millrace/engine'
import { stateFileStorage } from '../../engine/src/runtime/storage/state-folder.ts'

process.env['AWS_ACCESS_KEY_ID'] = 'someone'
process.env['AWS_SECRET_ACCESS_KEY'] = 'secret'
process.env['AWS_EC2_METADATA_DISABLED'] = 'true'
process.env['HADOOP_USER_NAME'] = 'whoever'

interface Request {
  readonly atMs: number
  readonly host: string
  readonly url: URL
  readonly authorization: string
}

const requests: Request[] = []
/** Requests that get no answer. */
let silent = 0
const server = createServer((message: IncomingMessage, response) => {
  const host = message.headers.host ?? ''
  const url = new URL(message.url!, `http://${host}`)
  requests.push({ atMs: performance.now(), host, url, authorization: message.headers.authorization ?? '' })
  if (silent > 0) silent--
  else response.writeHead(403).end()
})
let port = 0

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as { readonly port: number }).port
  // Names of buckets under `localhost` are this machine, whatever its resolver knows.
  const lookup = dns.lookup as (name: string, ...rest: unknown[]) => void
  Object.assign(dns, { lookup: (name: string, ...rest: unknown[]) => lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, ...rest) })
})

after(() => {
  server.closeAllConnections()
  server.close()
})

/** The first request that a job with these options makes. */
async function firstRequest(dir: string, checkpointing: EngineOptionInput['checkpointing']): Promise<Request> {
  await readState(dir, checkpointing)
  return requests[0]!
}

async function readState(dir: string, checkpointing: EngineOptionInput['checkpointing']): Promise<void> {
  requests.length = 0
  const settings = resolveOptions(engineOptionTable, { code: { checkpointing: { ...checkpointing, dir } } })
  const storage = stateFileStorage('job', settings, { clock: nodeClock, disk: nodeDisk, random: nodeRandom })
  const read = async (): Promise<unknown> => {
    const file = await storage.openStateFile({ path: 'shared/x', length: 10, crc32: 0 })
    return await file.read(0, 10, 0)
  }
  await assert.rejects(read())
}

describe('options of checkpoints on S3', () => {
  const dir = 's3://bucket/prefix'
  const endpoint = (): string => `http://localhost:${port}`

  it('option: checkpointing.s3.endpoint, option: checkpointing.s3.region: who is asked, in which region', async () => {
    const { host, authorization } = await firstRequest(dir, { s3: { endpoint: endpoint(), region: 'mars-west-1', pathStyle: true } })
    assert.equal(host, `localhost:${port}`)
    assert.match(authorization, /Credential=someone\/\d+\/mars-west-1\/s3\//)
  })

  it('option: checkpointing.s3.pathStyle: the bucket is in the path, or in the name of the host', async () => {
    const s3 = { endpoint: endpoint(), region: 'r' }
    const path = await firstRequest(dir, { s3: { ...s3, pathStyle: true } })
    assert.deepEqual([path.host, path.url.pathname.slice(0, 15)], [`localhost:${port}`, '/bucket/prefix/'])
    const named = await firstRequest(dir, { s3: { ...s3, pathStyle: false } })
    assert.deepEqual([named.host, named.url.pathname.slice(0, 8)], [`bucket.localhost:${port}`, '/prefix/'])
  })
})

describe('options of checkpoints on HDFS', () => {
  it('option: checkpointing.hdfs.webPort: where the name node of an hdfs URL is asked', async () => {
    const { host, url } = await firstRequest('hdfs://127.0.0.1:8020/jobs', { hdfs: { webPort: port } })
    assert.equal(host, `127.0.0.1:${port}`)
    assert.match(url.pathname, /^\/webhdfs\/v1\/jobs\/job\//)
  })

  it('option: checkpointing.hdfs.user: who it is told we are', async () => {
    const dir = `webhdfs://127.0.0.1:${port}/jobs`
    assert.equal((await firstRequest(dir, { hdfs: { user: 'ann' } })).url.searchParams.get('user.name'), 'ann')
    assert.equal((await firstRequest(dir, {})).url.searchParams.get('user.name'), 'whoever')
  })

  it('option: checkpointing.requestTimeout: after so long without an answer it is asked again', async () => {
    const silence = async (requestTimeout: number): Promise<number> => {
      silent = 1
      await readState(`webhdfs://127.0.0.1:${port}/jobs`, { requestTimeout })
      assert.equal(requests.length, 2)
      return requests[1]!.atMs - requests[0]!.atMs
    }
    const [short, long] = [await silence(100), await silence(700)]
    assert.ok(short >= 95 && long >= 695 && short < 695, `${short} ms, ${long} ms`)
  })
})
