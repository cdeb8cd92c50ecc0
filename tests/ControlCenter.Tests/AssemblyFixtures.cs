using ControlCenter.TestSupport;

[assembly: AssemblyFixture(typeof(TestClusterLifetime))]
[assembly: TestCollectionOrderer(typeof(LongestFirst))]
