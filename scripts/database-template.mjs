// Makes the folder of an empty embedded database: to make one takes seconds and 850 MB, to open a copy of it a fraction of both.
import { PGlite } from '@electric-sql/pglite'

const database = await PGlite.create({ dataDir: process.argv[2] })
await database.close()
