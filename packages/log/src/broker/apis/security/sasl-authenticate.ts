/** SaslAuthenticate 0 to 2 of a client that authenticates again (KIP-368). The first time is `security/authentication.ts`. */
import { ERROR_CODE } from '../../../protocol/index.ts'
import type { ApiHandler } from '../../handler.ts'
import { afterFailure } from './after-failure.ts'

export const saslAuthenticate: ApiHandler<'SaslAuthenticate'> = {
  name: 'SaslAuthenticate',
  async handle(request, context) {
    const { sasl } = context.origin.session
    if (sasl === undefined) {
      const errorMessage = 'SaslAuthenticate request received after successful authentication'
      return { errorCode: ERROR_CODE.ILLEGAL_SASL_STATE, errorMessage, authBytes: new Uint8Array(0) }
    }
    return await afterFailure(await sasl.authenticate(request), sasl, context)
  },
}
