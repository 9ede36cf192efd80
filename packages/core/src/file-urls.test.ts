import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFileUrl, pathOfFileUrl } from './file-urls.ts'

test('a file URL names an absolute path of this machine', () => {
  for (const [url, path] of [
    ['file:///data/checkpoints', '/data/checkpoints'],
    ['file:/data/checkpoints', '/data/checkpoints'],
    ['FILE://localhost/data/chk-1/', '/data/chk-1/'],
    ['file:///data/a%20b', '/data/a b'],
    ['file:///data/a b', '/data/a b'],
    ['file:///', '/'],
  ] as const) {
    assert.ok(isFileUrl(url))
    assert.equal(pathOfFileUrl(url), path)
  }
})

test('and nothing else', () => {
  for (const url of [
    'file:',
    'file://',
    'file:data',
    'file:./data',
    'file://data',
    'file://host/data',
    'file:////host/data',
    'file:///data?a',
    'file:///data#a',
    'file:///%zz',
    'file:///a%2Fb',
  ]) {
    assert.ok(isFileUrl(url), url)
    assert.equal(pathOfFileUrl(url), undefined, url)
  }
  for (const path of ['/data/file:', './file:data', 'files/data', 's3://bucket/file:']) assert.ok(!isFileUrl(path), path)
})
