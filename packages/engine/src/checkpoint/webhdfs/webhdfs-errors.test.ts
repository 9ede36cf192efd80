import assert from 'node:assert/strict'
import { test } from 'node:test'
import { remoteError } from './webhdfs-errors.ts'

void test('a file is not there where the name node says so, and not where somebody in between has no such page', () => {
  const told = JSON.stringify({ RemoteException: { exception: 'FileNotFoundException', message: 'File does not exist: /a' } })
  assert.equal(remoteError(404, told, 'hdfs://host').reason, 'not-found')
  for (const body of ['', '<html>no such page</html>', '{}']) {
    const { reason, retry } = remoteError(404, body, 'hdfs://host')
    assert.deepEqual([reason, retry], ['unavailable', true])
  }
})
