import type { Ajv, ValidateFunction } from 'ajv'
import { optionalLibrary } from '../../../optional-library.ts'
import { makesFormats, type Format } from '../format.ts'
import { encodeText, textOf } from '../plain.ts'
import {
  checkRegistryFormat,
  RegistryFormat,
  registryFormatOptionNames,
  type NamedSchema,
  type RegistryFormatOptions,
  type SchemaCodec,
  type SchemaKind,
} from './registry-format.ts'
import type { RegisteredSchema } from './schema-registry.ts'

/** How `jsonSchema` finds its schemas, and whether it checks what it reads. */
export interface JsonSchemaOptions extends RegistryFormatOptions {
  /** Whether what is read is checked against the schema it was written with; true by default. What is written always is. */
  readonly validate?: boolean
}

/** JSON with a JSON Schema (draft 7, 2019-09, 2020-12) in a schema registry. The keyword `format` is not checked. Needs the package `ajv`. */
export function jsonSchema<T = unknown>(options: JsonSchemaOptions): Format<T> {
  checkRegistryFormat<JsonSchemaOptions>('jsonSchema', options, { ...registryFormatOptionNames, validate: true })
  return new RegistryFormat<T>(new JsonSchema(options), options)
}

type AjvConstructor = new (options: object) => Ajv

interface Drafts {
  readonly draft7: AjvConstructor
  readonly draft2019: AjvConstructor
  readonly draft2020: AjvConstructor
}

makesFormats(jsonSchema)

class JsonSchema implements SchemaKind {
  readonly type = 'JSON'
  readonly format = 'jsonSchema'
  readonly #validates: boolean
  #drafts: Drafts | undefined

  constructor({ validate = true }: JsonSchemaOptions) {
    this.#validates = validate
  }

  async load(): Promise<void> {
    this.#drafts ??= await optionalLibrary('jsonSchema', 'ajv', async () => {
      const [draft7, draft2019, draft2020] = await Promise.all([import('ajv'), import('ajv/dist/2019.js'), import('ajv/dist/2020.js')])
      return { draft7: draft7.Ajv, draft2019: draft2019.Ajv2019, draft2020: draft2020.Ajv2020 }
    })
  }

  codec({ schema }: RegisteredSchema, references: readonly NamedSchema[], isOwn: boolean): SchemaCodec {
    const parsed = JSON.parse(schema) as object | boolean
    const ajv = new (this.#draftOf(parsed))({ strict: false, validateFormats: false, allErrors: false })
    for (const reference of references) ajv.addSchema(JSON.parse(reference.schema) as object, reference.name)
    const validate = ajv.compile(parsed)
    // It would answer later, so that everything passed, and what did not would be a rejection that nobody takes.
    if ('$async' in validate) throw new TypeError('its $async has it validated asynchronously, which a format cannot wait for')
    const checked = (value: unknown): unknown => {
      if (!validate(value)) throw new TypeError(`this is not what the schema describes: ${describe(validate)}`)
      return value
    }
    return {
      decode: (payload) => {
        const value: unknown = JSON.parse(textOf(payload))
        return this.#validates || isOwn ? checked(value) : value
      },
      encode: (value) => encodeText(JSON.stringify(checked(value))),
    }
  }

  #draftOf(schema: object | boolean): AjvConstructor {
    const { draft7, draft2019, draft2020 } = this.#drafts!
    const named = typeof schema === 'object' ? (schema as { $schema?: unknown }).$schema : undefined
    if (typeof named !== 'string') return draft7
    if (named.includes('2020-12')) return draft2020
    if (named.includes('2019-09')) return draft2019
    if (/draft-0[1-6]\b/.test(named)) throw new TypeError(`its $schema is ${named}, and only draft 7, 2019-09 and 2020-12 are known`)
    return draft7
  }
}

function describe({ errors }: ValidateFunction): string {
  const first = errors?.[0]
  return first === undefined ? 'it is invalid' : `${first.instancePath || 'the value'} ${first.message ?? 'is invalid'}`
}
