using ControlCenter.TestSupport;

[assembly: AssemblyFixture(typeof(TestClusterLifetime))]
[assembly: AssemblyFixture(typeof(MigratedCluster))]
[assembly: TestCollectionOrderer(typeof(LongestFirst))]
