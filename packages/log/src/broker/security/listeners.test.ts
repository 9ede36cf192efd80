import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MillraceError } from '@millrace/core'
import { listenerSettings } from './listeners.ts'
import { jaasOptions, jaasUsers } from './sasl/jaas.ts'
import { principalMapping } from './tls/principal-mapping.ts'

const protocolMap = 'PLAINTEXT:PLAINTEXT,SSL:SSL,INTERNAL:SASL_SSL'
const isConfig = (error: unknown): boolean => error instanceof MillraceError && error.code === 'SECURITY_CONFIG'

void test('listeners with their protocols, and what clients are told', () => {
  assert.deepEqual(
    listenerSettings({
      listeners: 'PLAINTEXT://127.0.0.1:0, internal://[::1]:9093,SSL://:9094',
      advertised: 'SSL://kafka.example:443',
      protocolMap,
    }),
    [
      { name: 'PLAINTEXT', protocol: 'PLAINTEXT', host: '127.0.0.1', port: 0, advertised: { host: '127.0.0.1', port: 0 } },
      { name: 'INTERNAL', protocol: 'SASL_SSL', host: '::1', port: 9093, advertised: { host: '::1', port: 9093 } },
      { name: 'SSL', protocol: 'SSL', host: '0.0.0.0', port: 9094, advertised: { host: 'kafka.example', port: 443 } },
    ],
  )
})

void test('listeners that cannot be', () => {
  for (const [listeners, advertised] of [
    ['', undefined],
    ['127.0.0.1:9092', undefined],
    ['OTHER://127.0.0.1:9092', undefined],
    ['SSL://a:1,SSL://b:2', undefined],
    ['SSL://a:1,PLAINTEXT://b:1', undefined],
    ['SSL://a:70000', undefined],
    ['SSL://a:1', 'PLAINTEXT://a:1'],
    ['SSL://a:1', 'SSL://0.0.0.0:1'],
  ] as const) {
    assert.throws(() => listenerSettings({ listeners, advertised, protocolMap }), isConfig, listeners)
  }
  assert.throws(() => listenerSettings({ listeners: 'SSL://a:1', advertised: undefined, protocolMap: 'SSL:TLS' }), isConfig)
})

void test('names of certificates become names of users', () => {
  const map = principalMapping(String.raw`RULE:^CN=([^,]+),OU=ops.*$/$1@ops/L, RULE:^CN=(\w+)\/(\w+)$/$2/U,DEFAULT`)
  assert.equal(map('CN=Alice,OU=ops,O=Shop'), 'alice@ops')
  assert.equal(map('CN=host/bob'), 'BOB')
  assert.equal(map('CN=Carol,OU=dev'), 'CN=Carol,OU=dev')
  assert.equal(principalMapping('RULE:CN=a/b/')('CN=other'), undefined)
  assert.equal(principalMapping('')('CN=other'), 'CN=other')
  for (const wrong of ['RULE:CN=(/x/', 'RULE:CN', 'DEFAULT DEFAULT', 'RULE:a/b/X'])
    assert.throws(() => principalMapping(wrong), isConfig, wrong)
})

void test('users from JAAS', () => {
  const text = String.raw`org.apache.kafka.common.security.plain.PlainLoginModule required
    username="admin" password="a b;c" user_admin="a b;c" user_alice='say "hi"' user_bob=plain ;`
  assert.deepEqual(
    [...jaasUsers(text)],
    [
      ['admin', 'a b;c'],
      ['alice', 'say "hi"'],
      ['bob', 'plain'],
    ],
  )
  assert.equal(jaasOptions(text).get('username'), 'admin')
  for (const wrong of ['', 'Module', 'Module required a="b"', 'Module required a="b;', 'Module required a=b; more']) {
    assert.throws(() => jaasUsers(wrong), isConfig, wrong)
  }
})
