// Property tests draw from one seed, so that a red build is red for everyone; MILLRACE_PROPERTY_SEED names another (`npm run test:properties` draws one), or `random`.
import * as fc from 'fast-check'

const asked = process.env['MILLRACE_PROPERTY_SEED']
if (asked !== 'random') fc.configureGlobal({ seed: Number(asked ?? 1) })
