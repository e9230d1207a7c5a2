"""What the tests of deploys share: benches of targets, a small world to deploy in, faults and kills."""
