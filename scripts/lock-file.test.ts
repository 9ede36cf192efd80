// What `npm ci` must install wherever it runs.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

interface LockFile {
  readonly packages: { readonly [path: string]: { readonly optional?: boolean; readonly engines?: unknown } }
}

test('npm leaves out no optional package because of the Node that npm itself runs on', () => {
  // It comes with `npm ci`, the one that Millrace runs on. `npm install` writes these lines anew: they are to be taken out again.
  const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as LockFile
  const { engines } = packages['node_modules/@harperfast/rocksdb-js-linux-x64-glibc'] ?? assert.fail('the binding is not in the lock file')
  assert.equal(engines, undefined)
})
