// npm run test:registry: the contract of a schema registry held by a real one, started here, and the formats on it; skipped by name where it cannot be had.
import { after, before, describe } from 'node:test'
import { TestServer } from './server.ts'

const server = await TestServer.build('registry')

if (typeof server === 'string') describe('Apicurio Registry', { skip: server }, () => {})
else {
  process.env['SCHEMA_REGISTRY_URL'] = `http://127.0.0.1:${server.port}/apis/ccompat/v7`
  before(async () => await server.start())
  after(async () => await server.remove())
  await import('../../packages/engine/src/connectors/kafka/formats/registry/registry.process.test.ts')
}
