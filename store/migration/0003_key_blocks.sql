-- Key blocks are TR-31 from here on, and the secret behind all keyed hashes stands in the file, wrapped, so that another
-- master key changes no hash. Both need the master key: the program behind this file wraps the blocks anew and fills in
-- the secret of a file that has a proof, in the same transaction.
ALTER TABLE vault ADD COLUMN secret BLOB;

-- A terminal whose keys are all SM4.
ALTER TABLE terminal ADD COLUMN sm4 INTEGER NOT NULL DEFAULT 0;
