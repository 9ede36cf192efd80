import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { after, before, describe, it } from 'node:test'
import { nodeRandom } from '@millrace/core'
import { ObjectStoreError, type ObjectStoreReason } from '../../engine/src/checkpoint/object-store/object-store.ts'
import { WebHdfsStore } from '../../engine/src/checkpoint/webhdfs/webhdfs-store.ts'
import { FakeHdfs } from './fake-hdfs.ts'
import { objectStoreConformance } from './object-store-conformance.ts'

describe('WebHDFS', () => {
  const hdfs = new FakeHdfs()
  before(() => hdfs.start())
  after(() => hdfs.stop())
  const open = (url = hdfs.url, requestTimeoutMs = 60_000): WebHdfsStore =>
    new WebHdfsStore({ url, name: 'webhdfs://fake', user: 'someone', requestTimeoutMs, random: nodeRandom })

  objectStoreConformance(() => ({ store: open(), other: open(), prefix: 'a/b/' }))

  it('tells what may pass from what will not', async () => {
    const remote = (exception: string, message = 'why'): string => JSON.stringify({ RemoteException: { exception, message } })
    const answers: readonly [number, string, ObjectStoreReason, boolean][] = [
      [403, remote('AccessControlException'), 'forbidden', false],
      [401, '<html>', 'forbidden', false],
      [403, remote('NSQuotaExceededException'), 'full', false],
      [403, remote('IOException', 'The DiskSpace quota of /a is exceeded: quota=1'), 'full', false],
      [403, remote('StandbyException'), 'unavailable', true],
      [403, remote('IOException', 'Failed to find datanode'), 'unavailable', true],
      [403, remote('IOException', 'whatever else'), 'other', false],
      [404, remote('FileNotFoundException'), 'not-found', false],
      [503, '', 'unavailable', true],
      [429, '', 'throttled', true],
    ]
    for (const [status, body, reason, retry] of answers) {
      hdfs.next = { status, body }
      await assert.rejects(open().get('x'), (error: ObjectStoreError) => {
        assert.deepEqual([error.reason, error.retry], [reason, retry], `${status} ${body}`)
        return true
      })
    }
    hdfs.next = { status: 200, body: 'not JSON' }
    await assert.rejects(open().putIfAbsent('x', new Uint8Array(1)), /does not answer as WebHDFS does/)
    hdfs.next = 'nothing'
    await assert.rejects(open(hdfs.url, 300).list('x/'), /no answer within 300 ms/)
    await assert.rejects(open('http://127.0.0.1:1').list('x/'), (error: ObjectStoreError) => error.reason === 'unreachable' && error.retry)
  })

  it('says who must be named where the user of the process has no name', async () => {
    const { userInfo } = os
    const { HADOOP_USER_NAME: named } = process.env
    delete process.env['HADOOP_USER_NAME']
    os.userInfo = () => {
      throw new Error('uv_os_get_passwd returned ENOENT')
    }
    syncBuiltinESMExports()
    const nameless = new WebHdfsStore({ url: hdfs.url, name: 'webhdfs://fake', requestTimeoutMs: 60_000, random: nodeRandom })
    await assert.rejects(nameless.list('x/'), (error: ObjectStoreError) => error.reason === 'forbidden' && /hdfs\.user/.test(error.message))
    os.userInfo = userInfo
    syncBuiltinESMExports()
    if (named !== undefined) process.env['HADOOP_USER_NAME'] = named
  })
})
