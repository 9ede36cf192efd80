import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { AclOperation, ResourceType } from '../authorizer.ts'
import { AclAuthorizer, superUsersOf } from './acl-authorizer.ts'
import { AclIndex } from './acl-index.ts'
import type { AclBinding } from './acl.ts'

const operations = ['Read', 'Write', 'Create', 'Delete', 'Alter', 'Describe', 'DescribeConfigs', 'AlterConfigs'] as const
const types = ['Topic', 'Group'] as const
const names = ['', '*', 'a', 'ab', 'abc', 'b', 'ba'] as const
const hosts = ['10.0.0.1', '10.0.0.2'] as const
const users = ['alice', 'bob'] as const

const binding: fc.Arbitrary<AclBinding> = fc.record({
  resource: fc.record({
    type: fc.constantFrom(...types),
    pattern: fc.constantFrom('Literal', 'Prefixed'),
    name: fc.constantFrom(...names.slice(1)),
  }),
  entry: fc.record({
    principal: fc.constantFrom('User:alice', 'User:bob', 'User:*', 'Group:alice'),
    host: fc.constantFrom(...hosts, '*'),
    operation: fc.constantFrom(...operations, 'All'),
    permission: fc.constantFrom('Allow', 'Deny'),
  }),
})

interface Question {
  readonly user: string
  readonly host: string
  readonly operation: AclOperation
  readonly type: ResourceType
  readonly name: string
}

const question: fc.Arbitrary<Question> = fc.record({
  user: fc.constantFrom(...users),
  host: fc.constantFrom(...hosts),
  operation: fc.constantFrom(...operations),
  type: fc.constantFrom(...types),
  name: fc.constantFrom(...names.slice(2)),
})

const bindings = fc.array(binding, { maxLength: 8 })

function indexOf(all: readonly AclBinding[]): AclIndex {
  const index = new AclIndex()
  for (const { resource, entry } of all) index.put(resource, [...index.entries(resource), entry])
  return index
}

function authorizer(all: readonly AclBinding[], allowsWithoutEntries: boolean): AclAuthorizer {
  return new AclAuthorizer({ index: indexOf(all), superUsers: new Set(), allowsWithoutEntries })
}

function client({ user, host }: Question): Parameters<AclAuthorizer['allows']>[0] {
  return { id: null, host, port: 1, listener: 'PLAINTEXT', principal: { type: 'User', name: user } }
}

/** The rules as one would read them out. */
function obviously(all: readonly AclBinding[], { user, host, operation, type, name }: Question, allowsWithoutEntries: boolean): boolean {
  const about = all.filter(({ resource }) => {
    if (resource.type !== type) return false
    return resource.pattern === 'Prefixed' ? name.startsWith(resource.name) : resource.name === name || resource.name === '*'
  })
  if (about.length === 0) return allowsWithoutEntries
  const mine = about.filter(({ entry }) => ['User:*', `User:${user}`].includes(entry.principal) && ['*', host].includes(entry.host))
  const has = (permission: string, ...any: string[]): boolean =>
    mine.some(({ entry }) => entry.permission === permission && any.includes(entry.operation))
  if (has('Deny', 'All', operation)) return false
  if (has('Allow', 'All', operation)) return true
  if (operation === 'Describe') return has('Allow', 'Read', 'Write', 'Delete', 'Alter')
  return operation === 'DescribeConfigs' && has('Allow', 'AlterConfigs')
}

void test('decisions are those of the rules', () => {
  fc.assert(
    fc.property(bindings, question, fc.boolean(), (all, asked, open) => {
      const decided = authorizer(all, open).allows(client(asked), asked.operation, asked.type, asked.name)
      assert.equal(decided, obviously(all, asked, open))
    }),
    { numRuns: 2000 },
  )
})

void test('something is allowed exactly where a name can be found that is', () => {
  // Names that no pattern was made for, and that begin with each of them.
  const candidates = [...names.slice(2), ...names.slice(2).map((name) => `${name}-other`), 'other']
  fc.assert(
    fc.property(bindings, question, fc.boolean(), (all, asked, open) => {
      // What is implied does not count here: so it is asked without operations that imply others.
      const operation = 'Write'
      const plain = all.map(({ resource, entry }) => ({
        resource: resource.name === '*' ? { ...resource, pattern: 'Literal' as const } : resource,
        entry,
      }))
      const some = candidates.some((name) => obviously(plain, { ...asked, operation, name }, open))
      assert.equal(authorizer(plain, open).allowsSome(client(asked), operation, asked.type), some)
    }),
    { numRuns: 2000 },
  )
})

void test('an entry that is taken away counts no longer', () => {
  fc.assert(
    fc.property(bindings, question, (all, asked) => {
      const index = indexOf(all)
      for (const { resource } of all) index.put(resource, [])
      assert.equal(
        index.decide({ principal: `User:${asked.user}`, host: asked.host }, asked.operation, asked.type, asked.name),
        'no entries',
      )
    }),
  )
})

void test('super users may do everything', () => {
  const superUsers = superUsersOf('User:root; User:CN=admin,O=Shop')
  const denial = { principal: 'User:*', host: '*', operation: 'All', permission: 'Deny' } as const
  const index = indexOf([{ resource: { type: 'Topic', pattern: 'Literal', name: '*' }, entry: denial }])
  const all = new AclAuthorizer({ index, superUsers, allowsWithoutEntries: false })
  const asked: Question = { user: 'CN=admin,O=Shop', host: '10.0.0.1', operation: 'Read', type: 'Topic', name: 'a' }
  assert.ok(all.allows(client(asked), 'Read', 'Topic', 'a'))
  assert.ok(all.allowsSome(client(asked), 'Write', 'Topic'))
  assert.ok(!all.allows(client({ ...asked, user: 'CN=admin' }), 'Read', 'Topic', 'a'))
  assert.ok(!all.allowsSome(client({ ...asked, user: 'CN=admin' }), 'Write', 'Topic'))
})
